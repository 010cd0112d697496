"use strict";

// Controls, the cell they choose, then text, tables and charts of that cell.
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const RANGES = ["m", "d", "alpha", "delta", "x_norm"];
  const { power, whole, number, given, short } = numbers;

  const width = (m) => {
    const exponent = Math.log2(m);
    return m > 100 && Number.isInteger(exponent) ? `${power("2", exponent)} = ${whole(m)}` : whole(m);
  };

  // What is chosen: places in the lists of the experiment.
  const chosen = { experiment: page.first, quantity: 0, perturbation: 0, m: 0, d: 0, alpha: 0, delta: 0, x_norm: 0 };
  const experiment = () => page.experiments[chosen.experiment];
  const axis = (name) => experiment().axes[name];
  const value = (name) => axis(name)[chosen[name]];

  // All about one width at the choice, at ‖x‖.
  const cell = (m) => {
    const e = experiment();
    const { quantity: q, perturbation: law, d, alpha, delta, x_norm: x } = chosen;
    const scale = e.scale[q][x];
    const of = (name) => {
      const stored = e[name][q][law][m][d][alpha][delta];
      return stored === null ? null : stored * scale;
    };
    const lines = Object.fromEntries(page.bounds.map((name) => [name, e.bounds[name][q][m][alpha][delta][x]]));
    lines.exact_quantile = of("exact_quantile");
    lines.quantile = of("quantile");
    const over = e.over[q][law][m][d][alpha].map((of_bound) => of_bound[delta][x]);
    const { start, width, counts } = e.histograms[q][law][m][d][alpha];
    const bars = counts.map((runs, i) => ({
      from: (start + i * width) * scale,
      to: (start + (i + 1) * width) * scale,
      runs,
    }));
    return { lines, lower: of("quantile_lower"), upper: of("quantile_upper"), over, bars };
  };

  const row = (texts, numeric) => {
    const tr = document.createElement("tr");
    texts.forEach((text, i) => {
      const cell = document.createElement(i === 0 && !numeric ? "th" : "td");
      if (i === 0 && !numeric) cell.scope = "row";
      else cell.className = "n";
      cell.textContent = text;
      tr.append(cell);
    });
    return tr;
  };
  const or = (value, text, digits = 7) => (value === null ? text : number(value, digits));

  const choice = () => {
    const parts = [`m = ${width(value("m"))}`, `d = ${whole(value("d"))}`, `α = ${given(value("alpha"))}`];
    parts.push(`δ = ${given(value("delta"))}`, `‖x‖ = ${given(value("x_norm"))}`);
    return parts.map((part) => part.replaceAll(" ", "\u00a0")).join(", ");
  };

  const write = (here, symbol) => {
    const e = experiment();
    const { lines } = here;
    const level = given(Number((1 - value("delta")).toPrecision(12)));
    const percent = given(Number((100 * e.confidence).toPrecision(12)));
    const where = `${symbol} under the ${value("perturbation")} law, ${choice()}`;
    const interval = here.upper === null
      ? `at least ${short(here.lower)}: too few runs for an upper limit`
      : `${percent}\u00a0% interval ${short(here.lower)} to ${short(here.upper)}`;
    const bounds = page.bounds.map((name) => `${page.lines[name]} ${or(lines[name], "not computed", 4)}`);
    at("told").textContent =
      `${where}. The measured ${level}-quantile of ${whole(e.runs)} runs is ${short(lines.quantile)} (${interval}); ` +
      `exact quantile ${or(lines.exact_quantile, "not known", 4)}; ${bounds.join("; ")}.`;
    at("values-caption").textContent = `${e.name}: ${where}; ${whole(e.runs)} runs. Quantiles at level ${level}.`;

    const ratio = (of) => (of === null || !(lines.quantile > 0) ? "" : short(of / lines.quantile));
    const rows = page.bounds.map((name, i) => {
      const known = lines[name] !== null;
      return row([page.lines[name], or(lines[name], "not computed"), ratio(lines[name]), known ? whole(here.over[i]) : ""]);
    });
    rows.push(
      row([page.lines.exact_quantile, or(lines.exact_quantile, "not known"), ratio(lines.exact_quantile), ""]),
      row([page.lines.quantile, number(lines.quantile, 7), ratio(lines.quantile), ""]),
      row([`lower limit of its ${percent} % interval`, number(here.lower, 7), ratio(here.lower), ""]),
      row([`upper limit of its ${percent} % interval`, or(here.upper, "∞ (too few runs)"), ratio(here.upper), ""]),
    );
    at("values").tBodies[0].replaceChildren(...rows);
    at("bins").tBodies[0].replaceChildren(
      ...here.bars.map((bar) => row([number(bar.from, 7), number(bar.to, 7), whole(bar.runs)], true)),
    );
  };

  const axes = (here, symbol, words, all) => {
    const x = `${symbol}, ${words}, at ‖x‖\u00a0=\u00a0${given(value("x_norm"))}`;
    at("beside-axis").textContent = x;
    at("close-axis").textContent = x;
    at("widths-axis").textContent = `vertical: ${x}, logarithmic; the grey band is at the chosen\u00a0m`;
    const [first, last] = [here.bars[0], here.bars[here.bars.length - 1]];
    const fullest = Math.max(...here.bars.map((bar) => bar.runs));
    const runs = `Histogram of ${whole(experiment().runs)} runs of ${symbol} from ${short(first.from)} to ${short(last.to)}, `
      + `at most ${whole(fullest)} in one of ${here.bars.length} bins`;
    const rules = Object.entries(here.lines).filter(([, v]) => v !== null).map(([name, v]) => `${page.lines[name]} ${short(v)}`);
    at("beside").setAttribute("aria-label", `${runs}. Vertical lines: ${rules.join(", ")}.`);
    at("close").setAttribute("aria-label", `${runs}. The same, on an axis that holds the runs alone.`);
    const ends = [all[0], all[all.length - 1]].map((c) => short(c.lines.quantile));
    at("widths").setAttribute(
      "aria-label",
      `Measured quantile of ${symbol} against the width on logarithmic axes, with the exact quantile and the bounds: `
        + `${ends[0]} at m = ${whole(axis("m")[0])}, ${ends[1]} at m = ${whole(axis("m")[all.length - 1])}.`,
    );
  };

  // Ticks of a logarithmic axis that holds some values: powers of ten, or 1, 2 and 5 times these where they are few.
  const levels = (all) => {
    const [low, high] = [Math.min(...all), Math.max(...all)];
    const powers = [];
    for (let k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) powers.push(Number(`1e${k}`));
    const ticks = high < 30 * low ? powers.flatMap((power) => [power, 2 * power, 5 * power]) : powers;
    return ticks.filter((tick) => low / 1.5 <= tick && tick <= 1.5 * high);
  };

  const views = {};
  const shown = {};
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const ink = () => (dark.matches ? "#dddad3" : page.colours.ink);
  const grey = () => (dark.matches ? "#8f8b84" : "#8a8a8a");

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
  const NAMES = { printed: "printed", sharp: "sharp", binomial: "binomial", bernstein: "Bernstein", exact: "supremum", exact_quantile: "exact" };

  const draw = (here, all) => {
    const { laws, exact_quantile: violet } = page.colours;
    const law = laws[value("perturbation")];
    const colour = (name) => (name === "quantile" ? law : name === "exact_quantile" ? violet : ink());
    for (const mark of document.querySelectorAll(".of-law")) {
      mark.setAttribute(mark.classList.contains("fill") ? "fill" : "stroke", law);
    }

    // The measured quantile is wide and comes first, so that what lies on it is seen.
    const names = Object.keys(here.lines).filter((name) => here.lines[name] !== null).reverse();
    const rules = names.map((name) => ({
      name,
      from: here.lines[name],
      colour: colour(name),
      size: { quantile: 9, exact_quantile: 5 }[name] ?? 1.8,
      tip: `${page.lines[name]}\n${number(here.lines[name], 7)}`,
    }));
    const bars = here.bars.map((bar) => ({
      ...bar, colour: law, tip: `${whole(bar.runs)} runs\nfrom ${short(bar.from)} to ${short(bar.to)}`,
    }));
    const quantiles = rules.filter(({ name }) => name.endsWith("quantile")).map((rule) => rule.from);
    const low = Math.min(bars[0].from, ...quantiles, here.lower);
    const high = Math.max(bars[bars.length - 1].to, ...quantiles, here.upper ?? here.lower);
    const interval = [{ from: here.lower, to: here.upper ?? high, colour: law }];
    const beside = show("beside", { bars, rules, interval });
    const close = show("close", { bars, rules: rules.filter((rule) => low <= rule.from && rule.from <= high), interval });

    const m = axis("m");
    const drawn = all.flatMap((c, i) =>
      Object.entries(c.lines)
        .reverse()
        .filter(([, v]) => v > 0)
        .map(([name, v]) => ({
          name, m: m[i], value: v, colour: colour(name), size: name === "exact_quantile" ? 5.5 : 1.8,
          tip: `${page.lines[name]}\nm = ${width(m[i])}\n${number(v, 7)}`, lower: c.lower, upper: c.upper, chosen: i === chosen.m,
        })),
    );
    const points = drawn.filter(({ name }) => name === "quantile").map((point) => ({
      ...point,
      lower: point.lower > 0 ? point.lower : point.value,
      upper: point.upper ?? point.value,
      size: point.chosen ? 110 : 40,
    }));
    // A line needs two ends where there is one width.
    const ends = m.length === 1 ? [0.8, 1.25] : [1];
    const lines = ends.flatMap((end) =>
      drawn.filter(({ name }) => name !== "quantile").map((point) => ({ ...point, m: point.m * end })),
    );
    // Slopes for the eye, over the last two thirds of the widths, from a point below all lines.
    const start = m[Math.floor(m.length / 3)], last = m[m.length - 1];
    const lowest = Math.min(...drawn.filter((point) => point.m === start).map((point) => point.value));
    const slopes = [["−1/2", 0.5], ["−3/4", 0.75]].flatMap(([text, k]) =>
      [start, last].map((at) => ({
        name: text, text: `slope ${text}`, m: at, value: 0.4 * lowest * (at / start) ** -k, colour: grey(),
      })),
    );
    const every = [...drawn, ...slopes].map((point) => point.value);
    const right = [...lines.filter((point) => point.m >= last), ...slopes.filter((_, i) => i % 2)];
    const wide = at("widths").clientWidth > 560;
    const labels = endNames(
      right.map((end) => ({ ...end, text: wide ? end.text ?? NAMES[end.name] : "" })), Math.min(...every), Math.max(...every),
    );
    const widths = show(
      "widths", { slopes, lines, points, names: labels, chosen: [{ m: m[chosen.m], colour: ink() }] }, { ticks: m, levels: levels(every) },
    );
    return Promise.all([beside, close, widths]);
  };
  const show = (name, data, signals = {}) => {
    shown[name] = data;
    const view = views[name];
    if (!view) return;
    for (const [signal, value] of Object.entries(signals)) view.signal(signal, value);
    for (const [set, rows] of Object.entries(data)) view.data(set, rows);
    return view.runAsync();
  };

  // Whatever is chosen while charts are being drawn, they are busy until the last choice is.
  let choices = 0;
  const update = async () => {
    const mine = ++choices;
    at("charts").setAttribute("aria-busy", "true");
    const [symbol, words] = page.quantities[chosen.quantity];
    const all = axis("m").map((_, i) => cell(i));
    const here = all[chosen.m];
    write(here, symbol);
    at("by-width").tBodies[0].replaceChildren(
      ...all.map((c, i) => row([whole(axis("m")[i]), ...Object.keys(page.lines).map((name) => or(c.lines[name], "—"))])),
    );
    axes(here, symbol, words, all);
    await draw(here, all);
    if (mine === choices && Object.keys(views).length === Object.keys(page.charts).length) at("charts").setAttribute("aria-busy", "false");
  };

  const options = (select, texts, current) => {
    select.replaceChildren(...texts.map((text, i) => new Option(text, String(i), false, i === current)));
  };
  const tell = (name) => {
    const text = name === "m" ? width(value(name)) : given(value(name));
    at(`${name}-value`).textContent = text;
    at(name).setAttribute("aria-valuetext", text);
  };
  // The lists of an experiment into the controls, at the values nearest to those chosen before.
  const fill = (wanted) => {
    const laws = axis("perturbation");
    chosen.perturbation = Math.max(0, laws.indexOf(wanted.perturbation));
    options(at("perturbation"), laws.map((law) => {
      const words = page.displacements[law];
      return words ? `${law}: ${words}` : law;
    }), chosen.perturbation);
    for (const name of RANGES) {
      const far = axis(name).map((v) => Math.abs(Math.log(v / wanted[name])));
      chosen[name] = far.indexOf(Math.min(...far));
      const control = at(name);
      control.max = String(axis(name).length - 1);
      control.value = String(chosen[name]);
      control.disabled = axis(name).length === 1;
      tell(name);
    }
  };
  const values = () => Object.fromEntries(["perturbation", ...RANGES].map((name) => [name, value(name)]));

  // A state of the page is its address: names and values behind the #.
  const KEYS = { experiment: () => experiment().name, quantity: () => page.quantities[chosen.quantity][2] };
  const state = () => {
    const own = Object.fromEntries(Object.entries(KEYS).map(([name, of]) => [name, of()]));
    return { ...own, ...values(), ...calculator.state() };
  };
  const remember = () => {
    const address = `#${new URLSearchParams(state())}`;
    if (address !== location.hash) history.pushState(null, "", address);
  };
  const restore = () => {
    if (location.hash && !location.hash.includes("=") && at("m").max) return; // a place on the page
    const wanted = new URLSearchParams(location.hash.slice(1));
    const named = page.experiments.findIndex((e) => e.name === wanted.get("experiment"));
    chosen.experiment = named < 0 ? page.first : named;
    const quantity = page.quantities.findIndex(([, , name]) => name === wanted.get("quantity"));
    chosen.quantity = Math.max(0, quantity);
    options(at("quantity"), page.quantities.map(([symbol, words]) => `${symbol}: ${words}`), chosen.quantity);
    if (at("experiment")) options(at("experiment"), page.experiments.map((e) => e.name), chosen.experiment);
    const start = { m: axis("m")[axis("m").length >> 1], d: axis("d")[0], alpha: 1, delta: 0.01, x_norm: 1 };
    const number = (name) => (Number(wanted.get(name)) > 0 ? Number(wanted.get(name)) : start[name]);
    fill({
      perturbation: wanted.get("perturbation") ?? "adversarial",
      ...Object.fromEntries(RANGES.map((name) => [name, number(name)])),
    });
    calculator.restore(wanted);
    update();
  };

  // What a chart shows, as a file.
  const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ""));
  const csv = (name) => {
    const cell_of = { ...Object.fromEntries(Object.entries(KEYS).map(([key, of]) => [key, of()])), ...values() };
    const rows = [];
    if (name === "widths") {
      delete cell_of.m;
      axis("m").forEach((m, i) => {
        const { lines, lower, upper } = cell(i);
        rows.push({ ...cell_of, m, ...lines, quantile_lower: lower, quantile_upper: upper });
      });
    } else {
      const { lines, bars } = cell(chosen.m);
      for (const { from, to, runs } of bars) rows.push({ ...cell_of, shows: "runs", from, to, runs });
      for (const [line, at] of Object.entries(lines)) rows.push({ ...cell_of, shows: line, from: at, to: at, runs: "" });
    }
    return [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))]
      .map((texts) => texts.map(quoted).join(",")).join("\n") + "\n";
  };
  const save = (name, kind, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "image/svg+xml" }));
    link.download = `${experiment().name}-${page.quantities[chosen.quantity][2]}-${name}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  for (const name of Object.keys(page.charts)) {
    at(`${name}-csv`).addEventListener("click", () => save(name, "csv", csv(name)));
    at(`${name}-svg`).addEventListener("click", async () => save(name, "svg", await views[name].toSVG()));
  }

  for (const name of ["experiment", "perturbation", "quantity", ...RANGES]) {
    at(name)?.addEventListener("input", (event) => {
      const before = values();
      chosen[name] = Number(event.target.value);
      if (name === "experiment") fill(before);
      else if (RANGES.includes(name)) tell(name);
      update();
    });
    at(name)?.addEventListener("change", remember);
  }
  calculator.listen(remember);
  addEventListener("popstate", restore);
  at("still").hidden = true;
  for (const part of [document.forms[0], at("charts"), at("tables")]) part.hidden = false;
  restore();

  // The text of the mark under the pointer.
  const tooltip = (_, event, __, text) => {
    at("tip").hidden = !text;
    at("tip").textContent = text ?? "";
    at("tip").style.left = `${Math.max(0, Math.min(event.clientX + 14, innerWidth - at("tip").offsetWidth - 6))}px`;
    at("tip").style.top = `${event.clientY + 16}px`;
  };
  // Expressions are interpreted, so that the page needs no right to make code from text.
  const embed = () => Object.entries(page.charts).map(async ([name, spec]) => {
    const axis = { ...spec.config.axis, labelColor: ink(), titleColor: ink(), domainColor: grey(), tickColor: grey() };
    if (dark.matches) axis.gridColor = "#3a3b3e";
    const config = { ...spec.config, axis };
    const look = { mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, tooltip };
    const drawn = await vegaEmbed(at(name).firstElementChild, { ...spec, config, datasets: shown[name] }, look);
    views[name]?.finalize();
    views[name] = drawn.view;
  });
  const redraw = () => Promise.all(embed()).then(update);
  dark.addEventListener("change", redraw);
  const wide = matchMedia("(min-width: 40rem)");
  wide.addEventListener("change", update);
  redraw();
})();
