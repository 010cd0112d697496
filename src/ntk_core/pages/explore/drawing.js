"use strict";

// The charts: what page.js knows of a choice into the named data of the specs, and the specs into SVG.
const drawing = (page) => {
  const at = (id) => document.getElementById(id);
  const { runs, number, short } = numbers;
  const views = {};
  const shown = {};
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const LIGHT = { ink: page.colours.ink, grey: "#66645e", grid: "#ebebeb" };
  const DARK = { ink: "#dddad3", grey: "#a09c93", grid: "#3a3b3e" };
  const theme = () => (dark.matches ? DARK : LIGHT);
  const ink = () => theme().ink;
  const grey = () => theme().grey;
  const colour = (style, law) => ({ ink: ink(), law: page.colours.laws[law] })[style.colour] ?? style.colour;
  const NAMES = {
    printed: "printed", sharp: "sharp", binomial: "binomial", bernstein: "Bernstein", exact: "supremum",
    all_radii: "all radii",
    exact_quantile: "exact",
    held_out_quantile: "quantile, held-out", held_out_rms: "rms, held-out", training_rms: "rms, training",
    alpha_ceiling: "bound", alpha_hat_limit_ceiling: "bound, m → ∞", alpha_hat_max: "largest", alpha_hat: "mean",
    alpha_hat_min: "least", twin_distance: "held-out", twin_training_distance: "training", training_loss: "training",
    twin_training_loss: "its twin", test_loss: "held-out", twin_test_loss: "its twin",
    flipped_fraction: "of pairs", flipped_neurons: "of neurons",
  };
  const SLOPES = { "−1/2": 0.5, "−3/4": 0.75 };

  // A chart is made when it has something to show for the first time.
  const show = async (name, data, signals = {}) => {
    shown[name] = data;
    const view = await (views[name] ??= embed(name));
    if (shown[name] !== data) return;
    for (const [signal, value] of Object.entries(signals)) view.signal(signal, value);
    for (const [set, rows] of Object.entries(data)) view.data(set, rows);
    await view.runAsync();
  };

  // Ticks of a logarithmic axis that holds some values: powers of ten, or 1, 2 and 5 times these where they are few.
  const levels = (all) => {
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const powers = [];
    for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) powers.push(Number(`1e${k}`));
    const ticks = high < 300 * low ? powers.flatMap((power) => [power, 2 * power, 5 * power]) : powers;
    const near = ticks.filter((tick) => low / 1.5 <= tick && tick <= 1.5 * high);
    if (near.filter((tick) => low <= tick && tick <= high).length > 1) return near;
    if (low === high) return [low];
    const step = 10 ** Math.floor(Math.log10(0.7 * (high - low))); // of decimals, where even these are too few
    const first = Math.ceil(low / step), last = Math.floor(high / step);
    return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  };

  // Names beside the right ends of lines, moved apart on an axis from `low` to `high`; lines that coincide share one.
  const endNames = (lines, low, high) => {
    const apart = (high / low) ** 0.06;
    const placed = [];
    for (const end of lines.sort((a, b) => b.value - a.value)) {
      const last = placed[placed.length - 1];
      if (last && last.line === end.value) last.text += end.text && ` = ${end.text}`;
      else placed.push({ ...end, line: end.value, value: last ? Math.min(end.value, last.value / apart) : end.value });
    }
    return placed;
  };

  // Whether all runs have one value: there is nothing to enlarge.
  const equal = (bars) => bars[0].from === bars[bars.length - 1].to;

  // The runs: bars, the interval of what is measured, and a rule for each line. The measured is wide and below.
  const histograms = ({ lines, bars, law }) => {
    const measured = lines.find((line) => line.style.points);
    const rules = lines.filter((line) => line.value !== null).reverse().map(({ name, label, style, value }) => ({
      name, from: value, colour: colour(style, law),
      size: { quantile: 9, exact_quantile: 5 }[name] ?? style.width,
      tip: `${label}\n${number(value, 7)}`,
    }));
    const fill = colour(measured.style, law);
    const rows = bars.map((bar) => ({
      ...bar, colour: fill, tip: `${runs(bar.runs)}\nfrom ${short(bar.from)} to ${short(bar.to)}`,
    }));
    const quantiles = rules.filter(({ name }) => name.endsWith("quantile")).map((rule) => rule.from);
    const low = Math.min(bars[0].from, ...quantiles, measured.lower);
    const high = Math.max(bars[bars.length - 1].to, ...quantiles, measured.upper ?? measured.lower);
    const interval = [{ from: measured.lower, to: measured.upper ?? high, colour: fill }];
    const near = rules.filter((rule) => low <= rule.from && rule.from <= high);
    const beside = show("beside", { bars: rows, rules, interval });
    return equal(bars) ? [beside] : [beside, show("close", { bars: rows, rules: near, interval })];
  };

  // Where slopes for the eye begin, which go over the last two thirds of the widths, and at a value so low that they
  // stay below all lines. With one width there are none.
  const forTheEye = ({ values, all, decays }) => {
    const start = values[Math.floor(values.length / 3)], last = values[values.length - 1];
    const lowest = Math.min(...all.flatMap((lines, i) => (values[i] < start ? [] : lines.filter(({ value }) => value > 0)
      .map(({ value }) => value * (values[i] / start) ** SLOPES["−1/2"]))));
    return decays && start < last && Number.isFinite(lowest) ? { start, low: 0.4 * lowest } : null;
  };

  // The lines along an axis: `all` are those at each of its values.
  const against = (place, { axis, values, text, all, chosen, law, decays }) => {
    // A lower limit of 0 is below any logarithmic axis: its bar goes down below all numbers.
    const bottom = 0.5 * Math.min(...all.flat().flatMap(({ value, lower }) => [value, lower]).filter((number) => number > 0));
    const marks = all.flatMap((lines, i) => lines.filter(({ value }) => value > 0).map((line) => {
      const { name, label, style, value, lower, upper } = line;
      const limits = lower === null ? "" : `\n${line.interval}`;
      return {
        name, at: values[i], value, size: style.width, colour: colour(style, law), points: style.points,
        tip: `${label}\n${axis} = ${text(values[i])}\n${number(value, 7)}${limits}`,
        lower: lower === null ? value : lower || bottom, upper: upper ?? value, chosen: i === chosen,
      };
    }));
    const points = marks.filter((point) => point.points).map((point) => ({
      ...point,
      fill: point.points === "filled" ? point.colour : "transparent",
      size: (point.chosen ? 110 : 40) + (point.points === "filled" ? 0 : 80),
    }));
    const last = values[values.length - 1], eye = forTheEye({ values, all, decays });
    const slopes = !eye ? [] : Object.entries(SLOPES).flatMap(([name, k]) => [eye.start, last].map((at) => (
      { name, at, value: eye.low * (at / eye.start) ** -k, size: 1.2, colour: grey(), tip: `slope ${name}` })));
    // A line needs two ends where there is one value.
    const ends = values.length === 1 ? [0.8, 1.25] : [1];
    const lines = [...slopes, ...ends.flatMap((end) => [...marks].reverse().map((point) => ({ ...point, at: point.at * end })))];
    lines.sort((a, b) => a.at - b.at);
    const every = lines.map((point) => point.value);
    const wide = at(place).clientWidth > 560;
    const right = lines.filter((point) => point.at >= last).map(({ name, at, value, colour: own }) => (name in SLOPES
      ? { at, value, colour: own, text: wide ? `slope ${name}` : name } : { at, value, colour: ink(), text: wide ? NAMES[name] ?? "" : "" }));
    const names = endNames(right.filter(({ text }) => text), Math.min(...every), Math.max(...every));
    // Vega warns of an axis without values: where there are none, one that is not seen.
    const unseen = { ...lines[0], lower: lines[0].value, upper: lines[0].value, text: "", size: 0, colour: "transparent", fill: "transparent" };
    const some = (rows) => (rows.length ? rows : [unseen]);
    return show(
      place, { lines, points: some(points), names: some(names), chosen: [{ at: values[chosen], colour: ink() }] },
      { ticks: values, levels: levels(every) },
    );
  };

  // What the lines that have values here or along an axis look like, as items of a list.
  const entry = at("key-entry").content.firstElementChild;
  const element = (tag, attributes) => {
    const element = document.createElementNS(entry.firstElementChild.namespaceURI, tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const mark = (label, ...parts) => {
    const item = entry.cloneNode(true);
    item.firstElementChild.append(...parts);
    item.append(label);
    return item;
  };
  const key = ({ lines, bars, law }, along) => {
    const seen = lines.filter(({ value }, i) => (bars && value !== null)
      || Object.values(along).some(({ all }) => all.some((at) => at[i].value > 0)));
    const items = seen.map(({ label, style, limits }) => {
      const stroke = style.colour === "ink" ? "currentColor" : colour(style, law);
      const band = limits && bars ? [element("rect", { fill: stroke, width: 34, height: 12, opacity: 0.28 })] : [];
      const line = element("line", { x2: 34, y1: 6, y2: 6, stroke, "stroke-width": style.width, "stroke-dasharray": style.dash.join(" ") });
      const point = style.points ? [element("circle", {
        cx: 17, cy: 6, r: style.points === "filled" ? 3.5 : 4.5, stroke, "stroke-width": 1.8, fill: style.points === "filled" ? stroke : "none",
      })] : [];
      return mark(band.length ? `${label} and its interval` : label, ...band, line, ...point);
    });
    const fill = colour(lines.find(({ style }) => style.points).style, law);
    if (bars) items.unshift(mark("runs", element("rect", { fill, stroke: fill, width: 34, height: 12, "fill-opacity": 0.5 })));
    if (Object.values(along).some(forTheEye)) items.push(mark("slopes −1/2 and −3/4, for the eye", element("line", { x2: 34, y1: 3, y2: 9, stroke: grey(), "stroke-width": 1.2 })));
    return items;
  };

  let latest;

  // Shows the charts that have something to show, and draws them.
  const draw = (here, along) => {
    const axes = Object.entries(along).filter(([, { all }]) => all.flat().some(({ value }) => value > 0));
    const filled = [...(here.bars ? ["beside", ...(equal(here.bars) ? [] : ["close"])] : []), ...axes.map(([place]) => place)];
    for (const name of Object.keys(page.charts)) at(name).closest("figure").hidden = !filled.includes(name);
    dispatchEvent(new Event("resize")); // a hidden chart has no width
    latest = { here, along };
    at("key").replaceChildren(...key(here, along));
    return Promise.all([...(here.bars ? histograms(here) : []), ...axes.map(([place, axis]) => against(place, { ...here, ...axis }))]);
  };

  // The text of the mark under the pointer.
  const tooltip = (_, event, __, text) => {
    at("tip").hidden = !text;
    at("tip").textContent = text ?? "";
    at("tip").style.left = `${Math.max(0, Math.min(event.clientX + 14, innerWidth - at("tip").offsetWidth - 6))}px`;
    at("tip").style.top = `${event.clientY + 16}px`;
  };
  // Expressions are interpreted, so that the page needs no right to make code from text.
  const embed = async (name) => {
    const spec = page.charts[name];
    const axis = { ...spec.config.axis, labelColor: ink(), titleColor: ink(), domainColor: grey(), tickColor: grey(), gridColor: theme().grid };
    const config = { ...spec.config, axis };
    const look = { mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, tooltip };
    const { view } = await vegaEmbed(at(name).firstElementChild, { ...spec, config, datasets: shown[name] }, look);
    return view;
  };
  const listen = (update) => {
    dark.addEventListener("change", async () => {
      for (const [name, view] of Object.entries(views)) {
        const before = await view;
        views[name] = embed(name);
        await views[name];
        before.finalize();
      }
      update();
    });
    matchMedia("(min-width: 40rem)").addEventListener("change", update);
  };

  // A text as lines of an SVG of some width.
  const wrapped = (text, width, font) => {
    const pen = document.createElement("canvas").getContext("2d");
    pen.font = `12px ${font}`;
    return text.split(" ").reduce((lines, word) => {
      const longer = `${lines[lines.length - 1]} ${word}`.trim();
      return pen.measureText(longer).width <= width ? [...lines.slice(0, -1), longer] : [...lines, word];
    }, [""]);
  };
  // A chart as a file, on white on a dark screen too: below the choice, and above what its axis shows and its key.
  const svg = async (name) => {
    const chart = await (await views[name]).toSVG();
    const { width, height } = at(name).querySelector("svg").viewBox.baseVal, { font } = page.charts[name].config;
    const { here, along } = latest;
    const items = along[name] ? key({ ...here, bars: null }, { [name]: along[name] }) : key(here, {});
    const parts = [];
    let y = 4;
    const code = (node) => new XMLSerializer().serializeToString(node);
    const write = (text, x) => wrapped(text, width - x, font).forEach((line) => {
      y += 17;
      parts.push(`<text x="${x}" y="${y}" fill="${LIGHT.ink}">${code(document.createTextNode(line))}</text>`);
    });
    write(at("values-caption").textContent, 12);
    parts.push(`<g transform="translate(0 ${y + 10})">${chart}</g>`);
    y += 10 + height;
    write(at(`${name}-axis`).textContent, 12);
    y += 6;
    for (const item of items) {
      parts.push(`<g transform="translate(12 ${y + 7})">${code(item.firstElementChild)}</g>`);
      write(item.textContent.trim(), 54);
    }
    const light = Object.keys(DARK).reduce((text, part) => text.replaceAll(DARK[part], LIGHT[part]), parts.join("\n"));
    const [w, h] = [Math.ceil(width), Math.ceil(y + 12)];
    return `<svg xmlns="${entry.firstElementChild.namespaceURI}" width="${w}" height="${h}" viewBox="0 0 ${w} ${h}" font-family="${font}" font-size="12">\n`
      + `<rect width="100%" height="100%" fill="#ffffff"/>\n${light.replaceAll("currentColor", LIGHT.ink)}\n</svg>\n`;
  };
  return { draw, listen, svg, equal };
};
