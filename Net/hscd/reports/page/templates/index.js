// The table of runs: sorted, filtered, two of them compared.
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [table, filter, kind, button, compared, count] = ["runs", "filter", "kind", "compare", "compared", "count"].map((id) => document.getElementById(id));
  const body = table.tBodies[0], rows = [...body.rows], heads = [...table.tHead.rows[0].cells];
  const value = (row, column) => row.cells[column].dataset.value;

  heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
    const numeric = head.classList.contains("number");
    // Figures start with the highest, names with the first.
    const turn = { ascending: "descending", descending: "ascending" }[head.getAttribute("aria-sort")] ?? (numeric ? "descending" : "ascending");
    for (const other of heads) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", turn);
    const sign = turn === "ascending" ? 1 : -1;
    rows.sort((one, two) => {
      const [a, b] = [value(one, column), value(two, column)];
      if (a === "" || b === "") return (a === "") - (b === "");
      return sign * (numeric ? a - b : a.localeCompare(b, undefined, { numeric: true }));
    });
    body.append(...rows);
  }));

  const select = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !((!kind.value || row.dataset.kind === kind.value) && words.every((word) => text.includes(word)));
      shown += !row.hidden;
    }
    count.textContent = shown === rows.length ? "" : `${shown} of ${rows.length} results`;
  };
  filter.addEventListener("input", select);
  kind.addEventListener("change", select);

  let picked = [];
  body.addEventListener("change", (event) => {
    const row = event.target.closest("tr");
    picked = picked.filter((other) => other !== row);
    if (event.target.checked) picked.push(row);
    while (picked.length > 2) picked.shift().querySelector(".pick").checked = false;
    for (const other of rows) other.classList.toggle("picked", picked.includes(other));
    button.disabled = picked.length !== 2;
  });

  const element = (name, text, className = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    made.className = className;
    return made;
  };
  const line = (name, one, two, difference = "", className = "") => {
    const row = document.createElement("tr");
    row.className = className;
    const head = element("th", name);
    head.scope = "row";
    row.append(head, element("td", one, "number"), element("td", two, "number"), element("td", difference[0] ?? "", `number ${difference[1] ?? ""}`));
    return row;
  };
  const figure = (value, digits) => (value === null || value === undefined ? "–" : value.toFixed(digits));
  const fixed = (value, digits) => value.toFixed(digits).replace(/^-(?=[0.]+$)/, "");  // no -0.000
  const metric = (of) => (of ? fixed(of[0], 3) + (of[1] !== null && of[2] !== null ? ` (${fixed(of[1], 3)}–${fixed(of[2], 3)})` : "") : "–");
  const change = (one, two, digits, better) => {
    if (typeof one !== "number" || typeof two !== "number") return "";
    const by = two - one;
    return [`${by > 0 ? "+" : ""}${fixed(by, digits)}`, !better || !by ? "" : by * better > 0 ? "more" : "less"];
  };
  button.addEventListener("click", () => {
    const of = picked.map((row) => data.rows[row.dataset.row]), runs = of.map((row) => data.runs[row.run]);
    const made = element("table", "", "compared settings"), head = made.createTHead().insertRow(), part = made.createTBody();
    head.append(...["", ...runs.map((run) => run.name), "difference"].map((text, at) => element("th", text, at ? "number" : "")));
    part.append(line("Data", of[0].data, of[1].data), line("Started", runs[0].started, runs[1].started));
    for (const [key, name] of [["kappa", "Kappa"], ["f1", "F1 of change"], ["overall_accuracy", "Overall accuracy"]])
      part.append(line(name, metric(of[0][key]), metric(of[1][key]), change(of[0][key]?.[0], of[1][key]?.[0], 3, 1)));
    const share = (value) => (value === null ? null : 100 * value);
    part.append(line("Changed (%)", figure(share(of[0].share), 2), figure(share(of[1].share), 2), change(share(of[0].share), share(of[1].share), 2)));
    part.append(line("Seconds", figure(of[0].seconds, 1), figure(of[1].seconds, 1), change(of[0].seconds, of[1].seconds, 1, -1)));
    part.append(line("Warnings", String(runs[0].warnings.length), String(runs[1].warnings.length)));
    const settings = runs.map((run) => ({ ...data.common, ...run.settings }));
    const keys = [...new Set(settings.flatMap(Object.keys))].sort();
    const differing = keys.filter((key) => (settings[0][key] ?? "") !== (settings[1][key] ?? ""));
    for (const key of differing) part.append(line(key, settings[0][key] ?? "–", settings[1][key] ?? "–"));
    const box = element("div", "", "card scroll"), title = element("h2", "Side by side");
    title.tabIndex = -1;
    box.append(made, element("p", `${differing.length} setting${differing.length === 1 ? " differs" : "s differ"}, ${keys.length - differing.length} are the same. An interval is one of 95 %; where two overlap, the difference may be chance.`, "told"));
    compared.replaceChildren(title, box);
    compared.hidden = false;
    title.focus();
    compared.scrollIntoView();
  });
})();
