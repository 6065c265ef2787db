// Points of a sample, labelled one by one. Labels are "1" changed, "0" unchanged, "unsure"; "" is none.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const get = (id) => document.getElementById(id), panel = get("label");
  const { view, ids } = data, count = ids.length, side = view.side;
  const token = panel.dataset.token, served = token !== "";
  const store = `labels of ${data.key}`;
  let labels = { ...data.labels }, at = 0, sending = false, again, note = "";
  const undone = [], waiting = {};
  const label = (number) => labels[ids[number]] ?? "";
  if (view.spectra) unpackSpectra(view.spectra);

  // Labels that are not in the sample yet are kept in the browser, where it lets pages keep anything.
  const own = () => Object.fromEntries(ids.map((id) => [id, labels[id] ?? ""]).filter(([id, of]) => of !== (data.labels[id] ?? "")));
  const keep = () => {
    const kept = Object.entries(served ? waiting : own()).map(([id, of]) => [id, data.labels[id] ?? "", of]);
    try {
      if (kept.length) localStorage.setItem(store, JSON.stringify(kept));
      else localStorage.removeItem(store);
      return true;
    } catch { return false; }
  };
  // Of what was kept, that which the sample has had no other label for since; what is dropped is told.
  const kept = () => {
    try {
      const found = JSON.parse(localStorage.getItem(store) ?? "[]");
      const known = found.filter(([id, , of]) => ids.includes(Number(id)) && ["0", "1", "unsure", ""].includes(of));
      const usable = known.filter(([id, was]) => was === (data.labels[id] ?? ""));
      const dropped = known.filter(([id, was, of]) => ![was, of].includes(data.labels[id] ?? "")).length;
      if (dropped) note = ` ${dropped} label${dropped === 1 ? "" : "s"} that this browser kept ${dropped === 1 ? "was" : "were"} dropped: the sample has had another one since.`;
      return Object.fromEntries(usable.map(([id, , of]) => [id, of]));
    } catch { return {}; }
  };

  // Saved by the server, one request after the other; what it has not confirmed is sent again.
  const say = (text, wrong = false) => {
    get("saved").textContent = text + note;
    get("saved").className = wrong ? "tag warn wide" : "told";
  };
  const post = async (changes) => {
    const answer = await fetch(location.pathname, {
      method: "POST", headers: { "Content-Type": "application/json", "X-Token": token }, body: JSON.stringify({ labels: changes }),
    });
    const reply = await answer.json().catch(() => ({ error: `the server answers ${answer.status}` }));
    if (!answer.ok) throw new Error(reply.error);
    return reply.labels;
  };
  const send = async () => {
    if (sending || !served) return;
    sending = true;
    try {
      do {
        const changes = { ...waiting };
        data.labels = await post(changes);
        for (const [id, of] of Object.entries(changes)) if (waiting[id] === of) delete waiting[id];
        keep();
      } while (Object.keys(waiting).length);
      say(`Saved in ${panel.dataset.name}.`);
    } catch (error) {
      say(`${Object.keys(waiting).length} not saved: ${error.message}. Tried again with the next label, and in ten seconds.`, true);
      clearTimeout(again);
      again = setTimeout(send, 10_000);
    } finally { sending = false; }
  };
  const set = (number, of) => {
    labels[ids[number]] = of;
    if (served) waiting[ids[number]] = of;
    const safe = keep();
    if (served) send();
    else say(safe ? "Kept in this browser." : "This browser keeps nothing: download the labels before you close the page.", !safe);
  };

  const sheets = Object.fromEntries(Object.entries(view.sheets).filter(([, uri]) => uri).map(([key, uri]) => {
    const image = new Image();
    image.src = uri;
    return [key, image.decode().then(() => image)];
  }));
  const paint = async (figure) => {
    const canvas = figure.querySelector("canvas"), number = at, image = await sheets[figure.dataset.sheet];
    if (!image || number !== at) return;
    [canvas.width, canvas.height] = [side, side];
    canvas.getContext("2d").drawImage(image, (number % view.across) * view.pitch, Math.floor(number / view.across) * view.pitch, side, side, 0, 0, side, side);
  };
  const middle = (side - 1) / 2, gap = 3;
  for (const cross of panel.querySelectorAll(".chip svg")) {
    cross.setAttribute("viewBox", `0 0 ${side} ${side}`);
    cross.setAttribute("preserveAspectRatio", "none");
    cross.parentElement.style.aspectRatio = `1 / ${view.aspect ?? 1}`;
    const c = middle + 0.5, far = Math.min(middle - 1, 12);
    const d = `M${c} ${c - far}V${c - gap}M${c} ${c + gap}V${c + far}M${c - far} ${c}H${c - gap}M${c + gap} ${c}H${c + far}M${middle} ${middle}h1v1h-1z`;
    for (const style of ["halo", "cross"]) {
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      path.setAttribute("d", d);
      path.setAttribute("class", style);
      cross.append(path);
    }
  }

  const tally = () => {
    const given = ids.map((_, number) => label(number)), of = (which) => given.filter((one) => one === which).length;
    const done = count - of("");
    panel.querySelector(".progress i").style.width = `${100 * done / count}%`;
    panel.querySelector(".progress").setAttribute("aria-valuenow", done);
    get("counts").textContent = `${done} of ${count} labelled: ${of("1")} changed, ${of("0")} unchanged, ${of("unsure")} unsure.${done === count ? " All points have a label." : ""}`;
  };
  const show = (number) => {
    at = (number + count) % count;
    const [row, column] = view.places[at];
    get("where").textContent = `Point ${at + 1} of ${count}`;
    get("number").value = at + 1;
    for (const button of panel.querySelectorAll("[data-label]")) button.setAttribute("aria-pressed", button.dataset.label === label(at));
    for (const figure of panel.querySelectorAll("figure[data-sheet]")) paint(figure);
    if (view.spectra) drawSpectra(panel.querySelector(".spectra"), view.spectra, at, [row, column]);
    const place = view.coordinates?.[at];
    const sides = [1, view.aspect ?? 1].map((factor) => Math.round(side * data.metres * factor).toLocaleString("en"));
    const metres = data.metres ? ` (${[...new Set(sides)].join(" × ")} m)` : "";
    get("told").textContent = `Row ${row}, column ${column}${place ? `; latitude ${place[0]}, longitude ${place[1]}` : ""}. Each picture shows ${side} × ${side} pixels${metres} in ${view.bands.join(", ")}, each date in colours of its own. The pixel to label is the one in the small square. Yellow: no data.`;
    tally();
  };
  const unlabelled = () => {
    for (let step = 1; step <= count; step += 1) if (label((at + step) % count) === "") return (at + step) % count;
    return -1;
  };
  const choose = (of) => {
    undone.push([at, label(at)]);
    get("undo").disabled = false;
    set(at, of);
    const next = unlabelled();
    show(next < 0 ? at : next);
  };
  const undo = () => {
    const last = undone.pop();
    if (!last) return;
    get("undo").disabled = !undone.length;
    set(...last);
    show(last[0]);
  };
  const open = () => { const next = unlabelled(); if (next >= 0) show(next); };

  for (const button of panel.querySelectorAll("[data-label]")) button.addEventListener("click", () => choose(button.dataset.label));
  for (const [id, act] of [["undo", undo], ["open", open], ["previous", () => show(at - 1)], ["next", () => show(at + 1)]]) get(id).addEventListener("click", act);
  get("number").addEventListener("change", (event) => {
    const number = Math.round(Number(event.target.value));
    if (number >= 1 && number <= count) show(number - 1);
  });
  const keys = { c: () => choose("1"), 1: () => choose("1"), u: () => choose("0"), 0: () => choose("0"), x: () => choose("unsure"), "?": () => choose("unsure"), z: undo, Backspace: undo, n: open, ArrowRight: () => show(at + 1), ArrowLeft: () => show(at - 1) };
  addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, textarea") || event.altKey || event.metaKey || event.repeat) return;
    if (event.ctrlKey && event.key.toLowerCase() !== "z") return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!act) return;
    event.preventDefault();
    act();
  });
  get("reveal").addEventListener("click", () => {
    const map = panel.querySelector("[data-sheet=map]");
    map.hidden = !map.hidden;
    get("reveal").setAttribute("aria-expanded", !map.hidden);
    get("reveal").textContent = map.hidden ? "Show what the map says" : "Hide what the map says";
  });
  get("download").addEventListener("click", () => {
    const lines = ids.map((id, number) => [id, ...view.places[number], label(number)].join(","));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([["id,row,column,class", ...lines, ""].join("\n")], { type: "text/csv" }));
    link.download = data.csv;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    get("kept").textContent = `${data.csv} has been downloaded.`;
  });
  addEventListener("beforeunload", (event) => { if (served ? Object.keys(waiting).length : Object.keys(own()).length && !keep()) event.preventDefault(); });

  get("served-told").hidden = !served;
  get("static-told").hidden = served;
  const start = () => {
    const left = kept();
    Object.assign(labels, left);
    if (served) Object.assign(waiting, left);
    if (Object.keys(left).length) { if (served) send(); else say("Labels that this browser kept are here again."); }
    else if (note) say("");
    const first = ids.findIndex((_, number) => label(number) === "");
    show(Math.max(0, first));
    keep();  // without what was dropped, or each opening would tell of it again
  };
  if (served) post({}).then((found) => { data.labels = found; labels = { ...found }; }).catch((error) => say(`The server does not answer: ${error.message}`, true)).finally(start);
  else start();
})();
