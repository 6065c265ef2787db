// Spectra of a pixel at two dates as curves; `short` writes numbers. Both for all scripts of a page.
const { drawSpectra, unpackSpectra, short } = (() => {
  const svg = (name, attributes, text) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const short = (value) => {
    if (value !== 0 && (Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3)) return value.toExponential(2);
    return String(Number(value.toPrecision(4)));
  };

  // Round values between two: 1, 2 or 5 times a power of ten apart.
  const round = (low, high, about) => {
    const rough = (high - low) / about || 1, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((width) => width >= rough * (1 - 1e-9));
    const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
    return Array.from({ length: last - first + 1 }, (_, at) => (first + at) * step);
  };

  // Spectra of two dates as curves.
  const draw = (box, spectra, number, [row, column]) => {
    const bands = spectra.x.length, wide = box.clientWidth > 500;
    const [width, height, left, right, top, bottom] = [wide ? 960 : 480, 280, 64, 16, 12, 44];
    const of = (date) => spectra.x.map((_, band) => {
      const level = spectra.levels[(2 * number + date) * bands + band];
      return spectra.low + (spectra.high - spectra.low) * level / 65535;
    });
    const dates = [of(0), of(1)], all = dates.flat();
    let low = Math.min(...all), high = Math.max(...all);
    if (low === high) high = low + 1;
    const [first, last] = [Math.min(...spectra.x), Math.max(...spectra.x)];
    const x = (value) => left + (width - left - right) * (value - first) / (last - first || 1);
    const y = (value) => height - bottom - (height - bottom - top) * (value - low) / (high - low);
    const told = `Spectra of the pixel in row ${row}, column ${column}, before and after`;
    const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": told });
    for (const value of round(low, high, 5)) {
      chart.append(svg("path", { class: "grid", d: `M${left} ${y(value)}H${width - right}` }));
      chart.append(svg("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, short(value)));
    }
    for (const value of round(first, last, wide ? 8 : 4))
      chart.append(svg("text", { x: x(value), y: height - bottom + 18, "text-anchor": "middle" }, short(value)));
    chart.append(svg("text", { x: (left + width) / 2, y: height - 6, "text-anchor": "middle", class: "name" },
      spectra.unit === "nm" ? "wavelength (nm)" : "band"));
    // Bands that lie far apart, as on both sides of water vapour, are not joined.
    const gap = 6 * (last - first) / Math.max(1, bands - 1);
    dates.forEach((values, date) => {
      const path = values.map((value, band) => {
        const joined = band > 0 && Math.abs(spectra.x[band] - spectra.x[band - 1]) < gap;
        return `${joined ? "L" : "M"}${x(spectra.x[band]).toFixed(1)} ${y(value).toFixed(1)}`;
      }).join("");
      chart.append(svg("path", { class: `mark ${date ? "after" : "before"}`, d: path }));
    });
    const legend = document.createElement("ul");
    legend.className = "legend";
    for (const name of ["before", "after"]) {
      const item = document.createElement("li"), key = svg("svg", { viewBox: "0 0 18 12", "aria-hidden": "true" });
      key.append(svg("path", { class: `mark key ${name}`, d: "M2 6H16" }));
      item.append(key, name);
      legend.append(item);
    }
    const caption = document.createElement("p");
    caption.className = "told";
    caption.textContent = `${told}: the value of each band.`;
    box.replaceChildren(chart, legend, caption);
  };

  // The levels of spectra, from the text that holds them.
  const unpack = (spectra) => {
    const data = new DataView(Uint8Array.from(atob(spectra.values), (letter) => letter.charCodeAt(0)).buffer);
    spectra.levels = Array.from({ length: data.byteLength / 2 }, (_, at) => data.getUint16(2 * at, true));
  };
  return { drawSpectra: draw, unpackSpectra: unpack, short };
})();
