"use strict";

// Controls, the cell they choose, then text, tables and charts of that cell.
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const RANGES = ["m", "d", "alpha", "delta", "x_norm"];
  const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

  const power = (base, exponent) => base + [...String(exponent)].map((c) => SUPERSCRIPTS[c]).join("");
  const whole = (value) => value.toLocaleString("en-US");
  const number = (value, digits) => {
    if (value === 0 || (Math.abs(value) >= 1e-4 && Math.abs(value) < 1e6)) {
      return value === 0 ? "0" : value.toPrecision(digits);
    }
    const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
    return `${mantissa} × ${power("10", Number(exponent))}`;
  };
  const short = (value) => number(value, 4);
  const given = (value) => {
    if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7)) {
      const [mantissa, exponent] = value.toExponential().split("e");
      return (mantissa === "1" ? "" : `${mantissa} × `) + power("10", Number(exponent));
    }
    return whole(value) === "0" ? String(value) : value.toLocaleString("en-US", { maximumFractionDigits: 15 });
  };
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
  const draw = (here, all) => {
    const { ink, laws, exact_quantile: violet } = page.colours;
    const law = laws[value("perturbation")];
    const colour = (name) => (name === "quantile" ? law : name === "exact_quantile" ? violet : ink);
    for (const mark of document.querySelectorAll(".of-law")) {
      mark.setAttribute(mark.classList.contains("fill") ? "fill" : "stroke", law);
    }

    // The measured quantile is wide and comes first, so that what lies on it is seen.
    const names = Object.keys(here.lines).filter((name) => here.lines[name] !== null).reverse();
    const rules = names.map((name) => ({
      name, from: here.lines[name], colour: colour(name), size: name === "quantile" ? 5 : 2,
    }));
    const bars = here.bars.map((bar) => ({ ...bar, colour: law }));
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
        .map(([name, v]) => ({ name, m: m[i], value: v, colour: colour(name), lower: c.lower, upper: c.upper, chosen: i === chosen.m })),
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
    const widths = show("widths", { lines, points, chosen: [{ m: m[chosen.m] }] }, { ticks: m, levels: levels(drawn.map((point) => point.value)) });
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

  options(at("quantity"), page.quantities.map(([symbol, words]) => `${symbol}: ${words}`), 0);
  const middle = axis("m")[axis("m").length >> 1];
  fill({ perturbation: "adversarial", m: middle, d: axis("d")[0], alpha: 1, delta: 0.01, x_norm: 1 });
  if (at("experiment")) {
    options(at("experiment"), page.experiments.map((e) => e.name), chosen.experiment);
    at("experiment").addEventListener("change", (event) => {
      const before = values();
      chosen.experiment = Number(event.target.value);
      fill(before);
      update();
    });
  }
  for (const name of ["perturbation", "quantity", ...RANGES]) {
    at(name).addEventListener("input", (event) => {
      chosen[name] = Number(event.target.value);
      if (RANGES.includes(name)) tell(name);
      update();
    });
  }
  at("still").hidden = true;
  for (const part of [document.forms[0], at("charts"), at("tables")]) part.hidden = false;
  update();

  // Expressions are interpreted, so that the page needs no right to make code from text.
  const look = { mode: "vega-lite", renderer: "svg", ast: true, actions: false, defaultStyle: false, tooltip: false };
  const drawing = Object.entries(page.charts).map(async ([name, spec]) => {
    views[name] = (await vegaEmbed(at(name).firstElementChild, { ...spec, datasets: shown[name] }, look)).view;
  });
  Promise.all(drawing).then(update);
})();
