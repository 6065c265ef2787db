// A viewer: two pictures of a pair with a line between them, a pixel's values, and its spectra.
(() => {
  // The pixels of a map: its exact colours, read once it is shown or asked for.
  const pixels = async (uri) => {
    const image = new Image();
    image.src = uri;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, canvas.width, canvas.height);
  };

  for (const viewer of document.querySelectorAll(".viewer")) {
    const view = JSON.parse(document.getElementById(viewer.dataset.view).textContent);
    const get = (name) => viewer.querySelector(name);
    const [left, right, swipe, frame, sheet] = [".left", ".right", ".swipe", ".window", ".sheet"].map(get);
    const [under, over, line, spot, readout] = [".under", ".over", ".line", ".spot", ".readout"].map(get);
    const layers = view.layers, byKey = Object.fromEntries(layers.map((layer) => [layer.key, layer]));
    const down = Math.ceil(view.rows / view.step), across = Math.ceil(view.columns / view.step);
    const aspect = view.aspect ?? 1;  // the height of a pixel on the ground by its width
    let zoom = 1, cursor = [down >> 1, across >> 1];
    if (view.spectra) unpackSpectra(view.spectra);
    layers.forEach((layer, number) => {
      for (const choice of [left, right]) choice.add(new Option(layer.title, number));
    });
    // On paper all of them stand side by side.
    for (const layer of layers) {
      const figure = document.createElement("figure"), caption = document.createElement("figcaption"), image = new Image();
      caption.textContent = image.alt = layer.title;
      image.src = layer.image;
      image.style.aspectRatio = `${across} / ${down * aspect}`;
      figure.append(caption, image);
      get(".printed").append(figure);
    }
    left.value = layers.findIndex((layer) => layer.key === "after") >= 0 ? layers.findIndex((layer) => layer.key === "after") : 0;
    right.value = layers.findIndex((layer) => layer.key === "map");

    const split = () => {
      // The line keeps its place in the window while the sheet is moved below it.
      const width = sheet.clientWidth, seen = Math.min(width, frame.clientWidth);
      const at = frame.scrollLeft + seen * swipe.value / 100;
      over.style.clipPath = `inset(0 0 0 ${100 * at / width}%)`;
      line.style.left = `${100 * at / width}%`;
    };
    if (!byKey.errors) get(".errorlegend").remove();
    const show = () => {
      const [one, two] = [layers[left.value], layers[right.value]];
      [under.src, over.src] = [one.image, two.image];
      [under.alt, over.alt] = [one.title, two.title];
      get(".leftname").textContent = `◂ ${one.title}`;
      get(".rightname").textContent = `${two.title} ▸`;
      const kinds = [one.kind, two.kind];
      for (const [name, kind] of [["maplegend", "labels"], ["errorlegend", "errors"]])
        for (const legend of viewer.querySelectorAll(`.${name}`)) legend.style.display = kinds.includes(kind) ? "" : "none";
      split();
    };
    const resize = () => {
      const fit = Math.min(frame.clientWidth / across, Math.min(740, Math.max(240, innerHeight * 0.7)) / (down * aspect));
      const [wasWidth, wasHeight] = [sheet.clientWidth || 1, sheet.clientHeight || 1];
      const middle = [(frame.scrollLeft + frame.clientWidth / 2) / wasWidth, (frame.scrollTop + frame.clientHeight / 2) / wasHeight];
      sheet.style.width = `${across * fit * zoom}px`;
      sheet.style.height = `${down * aspect * fit * zoom}px`;
      for (const below of [swipe, get(".sides")]) below.style.width = `${Math.min(sheet.clientWidth, frame.clientWidth)}px`;
      frame.scrollLeft = middle[0] * sheet.clientWidth - frame.clientWidth / 2;
      frame.scrollTop = middle[1] * sheet.clientHeight - frame.clientHeight / 2;
      place();
      split();
    };
    const place = () => {
      spot.style.left = `${100 * (cursor[1] + 0.5) / across}%`;
      spot.style.top = `${100 * (cursor[0] + 0.5) / down}%`;
    };

    // What maps say of pixels; their colours are those of their palettes.
    const names = ["changed", "unchanged", "unknown or masked"], known = new Map();
    viewer.dataset.colours.split(" ").forEach((of, label) => {
      known.set([1, 3, 5].map((at) => parseInt(of.slice(at, at + 2), 16)).join(), names[label]);
    });
    let ramp = null;
    const read = {};
    const load = Promise.all(["map", "truth", "scores"].filter((key) => byKey[key]).map(async (key) => {
      read[key] = await pixels(byKey[key].image);
    })).then(() => { ramp = new Map(view.ramp.map((of, level) => [of.join(), level])); });
    const colour = (key, row, column) => {
      const start = 4 * (row * across + column), of = read[key].data;
      return of[start + 3] === 0 ? "" : `${of[start]},${of[start + 1]},${of[start + 2]}`;
    };
    const tell = async (row, column) => {
      await load;
      if (row < 0 || column < 0 || row >= down || column >= across) return;
      const rows = [["Row", row * view.step], ["Column", column * view.step]];
      if (read.scores) {
        const level = ramp.get(colour("scores", row, column)), of = byKey.scores;
        const value = level ? of.low + (of.high - of.low) * (level - 1) / 254 : null;
        rows.push(["Score", value === null ? "none" : `${level === 255 ? "≥ " : "≈ "}${short(value)} (threshold ${short(of.threshold)})`]);
      }
      if (read.map) rows.push(["Map", known.get(colour("map", row, column))]);
      if (read.truth) rows.push(["Label", known.get(colour("truth", row, column)).replace(" or masked", "")]);
      readout.replaceChildren(...rows.map(([name, value]) => {
        const part = document.createElement("span"), strong = document.createElement("b");
        strong.textContent = name;
        part.append(strong, String(value));
        return part;
      }));
    };
    const spectra = (row, column) => {
      if (!view.spectra) return;
      const far = view.spectra.places.map(([r, c]) => (r - row * view.step) ** 2 + (c - column * view.step) ** 2);
      const nearest = far.indexOf(Math.min(...far)), [r, c] = view.spectra.places[nearest];
      cursor = [Math.round(r / view.step), Math.round(c / view.step)].map((at, axis) => Math.min(at, [down, across][axis] - 1));
      spot.hidden = false;
      place();
      tell(...cursor);
      drawSpectra(get(".spectra"), view.spectra, nearest, view.spectra.places[nearest]);
    };
    const at = (event) => {
      const box = sheet.getBoundingClientRect();
      return [Math.floor((event.clientY - box.top) / box.height * down), Math.floor((event.clientX - box.left) / box.width * across)];
    };
    const magnify = (factor) => { zoom = Math.min(16, Math.max(1, zoom * factor)); resize(); };
    frame.addEventListener("pointermove", (event) => tell(...at(event)));
    frame.addEventListener("click", (event) => {
      const [row, column] = at(event);
      if (row < 0 || column < 0 || row >= down || column >= across) return;
      cursor = [row, column];
      tell(row, column);
      spectra(row, column);
    });
    frame.addEventListener("keydown", (event) => {
      const step = event.shiftKey ? 10 : 1;
      const moves = { ArrowUp: [-step, 0], ArrowDown: [step, 0], ArrowLeft: [0, -step], ArrowRight: [0, step] };
      if (moves[event.key]) {
        cursor = [Math.min(down - 1, Math.max(0, cursor[0] + moves[event.key][0])), Math.min(across - 1, Math.max(0, cursor[1] + moves[event.key][1]))];
        spot.hidden = false;
        place();
        tell(...cursor);
      } else if (event.key === "Enter" || event.key === " ") spectra(...cursor);
      else if (event.key === "+" || event.key === "=") magnify(1.5);
      else if (event.key === "-") magnify(1 / 1.5);
      else return;
      event.preventDefault();
    });
    frame.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      magnify(event.deltaY < 0 ? 1.25 : 0.8);
    }, { passive: false });
    frame.addEventListener("scroll", split);
    swipe.addEventListener("input", split);
    for (const choice of [left, right]) choice.addEventListener("change", show);
    get(".in").addEventListener("click", () => magnify(1.5));
    get(".out").addEventListener("click", () => magnify(1 / 1.5));
    get(".fit").addEventListener("click", () => magnify(0));
    addEventListener("resize", resize);
    show();
    resize();
  }
})();
