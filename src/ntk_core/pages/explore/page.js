"use strict";

// Controls, the cell they choose, then text, tables and charts of that cell. An experiment is axes, and quantities
// with lines; a line has numbers along some of the axes.
(() => {
  const page = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const { power, whole, runs: counted, number, allDigits, short } = numbers;
  const charts = drawing(page);
  const RANGES = page.axes.filter((name) => name !== "perturbation");
  const SYMBOLS = { m: "m", d: "d", alpha: "α", steps: "steps", delta: "δ", x_norm: "‖x‖" };
  const LINE_CHARTS = { widths: "m", times: "steps" };

  const width = (m) => {
    const exponent = Math.log2(m);
    return m > 100 && Number.isInteger(exponent) ? `${power("2", exponent)} = ${whole(m)}` : whole(m);
  };
  const TEXTS = { m: width, d: whole, steps: whole };
  const text = (name, value) => (TEXTS[name] ?? allDigits)(value);

  // What is chosen: places in the lists of the experiment.
  const chosen = { experiment: page.first, quantity: 0, ...Object.fromEntries(page.axes.map((name) => [name, 0])) };
  const experiment = () => page.experiments[chosen.experiment];
  const quantity = () => experiment().quantities[chosen.quantity];
  const axis = (name) => experiment().axes[name];
  const value = (name) => axis(name)[chosen[name]];
  // Whether the quantity depends on an axis.
  const uses = (name) => quantity().lines.some(({ scale, ...parts }) =>
    (scale && name === "x_norm") || Object.values(parts).some((part) => part.dims?.includes(name)));
  const used = () => page.axes.filter((name) => axis(name) && uses(name));

  const pick = (part, places) => (part ? part.dims.reduce((all, name) => all[places[name]], part.values) : null);
  const percent = () => allDigits(Number((100 * experiment().confidence).toPrecision(12)));
  const level = () => allDigits(Number((1 - value("delta")).toPrecision(12)));
  const interval = (lower, upper) => {
    if (lower === null) return "no interval: too few runs or too skewed";
    return upper === null ? `at least ${short(lower)}: too few runs for an upper limit` : `${short(lower)} to ${short(upper)}`;
  };

  // The lines of the quantity at some places, at ‖x‖.
  const cell = (places) => quantity().lines.map((line) => {
    const limits = "lower" in line;
    const of = (name) => {
      const stored = pick(line[name], places);
      return stored === null ? null : stored * (line.scale ? line.scale[places.x_norm] : 1);
    };
    const [lower, upper] = [of("lower"), of("upper")];
    return {
      name: line.name, label: page.lines[line.name], style: page.styles[line.name], limits,
      value: of("value"), lower, upper, interval: limits && of("value") !== null ? interval(lower, upper) : "",
      over: pick(line.over, places), fitted: pick(line.fitted, places),
      slope: ["slope", "slope_lower", "slope_upper"].map((name) => pick(line[name], places)),
    };
  });
  const histogram = () => {
    const { bars, lines } = quantity();
    if (!bars) return null;
    const { start, width, counts } = pick(bars, chosen), scale = lines[lines.length - 1].scale[chosen.x_norm];
    // A bar that is centred on 0 begins there.
    return counts.map((runs, i) => ({ from: Math.max(0, start + i * width) * scale, to: (start + (i + 1) * width) * scale, runs }));
  };

  const row = (texts, tag = "td") => {
    const tr = document.createElement("tr");
    texts.forEach((text, i) => {
      const head = tag === "th" || (i === 0 && tag === "td");
      const cell = document.createElement(head ? "th" : "td");
      if (head) cell.scope = tag === "th" ? "col" : "row";
      if (i > 0) cell.className = "n";
      cell.textContent = text;
      tr.append(cell);
    });
    return tr;
  };
  const fillTable = (id, head, rows) => {
    at(id).tHead.replaceChildren(row(head, "th"));
    at(id).tBodies[0].replaceChildren(...rows.map((texts) => row(texts)));
  };
  const or = (value, text, digits = 7) => (value === null ? text : number(value, digits));
  const signed = (value) => value.toFixed(4).replace("-", "−");
  const missing = ({ name }) => (page.bounds.includes(name) || (name === "exact_quantile" && page.exact_laws.includes(value("perturbation")))
    ? "not computed" : "not known");

  const choice = () => used().filter((name) => name !== "perturbation")
    .map((name) => `${SYMBOLS[name]} = ${text(name, value(name))}`.replaceAll(" ", "\u00a0")).join(", ");

  const write = (lines, bars) => {
    const { symbol, measured } = quantity();
    const runs = counted(pick(experiment().runs, chosen));
    const law = axis("perturbation") ? ` under the ${value("perturbation")} law` : " of the trained network";
    const where = `${symbol}${law}, ${choice()}`;
    const levels = uses("delta") ? ` Quantiles and bounds are at level ${level()}.` : "";
    const texts = lines.map((line) => `${line.label} ${or(line.value, missing(line), 4)}`
      + (line.interval && ` (${line.lower === null || line.upper === null ? "" : `${percent()}\u00a0% interval `}${line.interval})`));
    at("cell-summary").textContent = `${where}; ${runs}: ${texts.reverse().join("; ")}.${levels}`;
    at("values-caption").textContent = `${experiment().name}: ${where}; ${runs}.${levels}`;

    const base = lines.find(({ name }) => name === measured).value;
    const head = ["At this choice", "Value", `${percent()} % interval`, `Over the ${page.lines[measured]}`, "Runs above it", "Slope against m"];
    const rows = lines.map((line) => [
      line.label,
      or(line.value, missing(line)),
      line.lower === null ? line.interval : line.upper === null ? `${number(line.lower, 7)} to ∞ (too few runs)` : `${number(line.lower, 7)} to ${number(line.upper, 7)}`,
      line.value === null || line.limits || !(base > 0) ? "" : short(line.value / base),
      line.value === null || line.over === null ? "" : whole(line.over),
      line.slope[0] === null ? "" : signed(line.slope[0]) + (line.slope[1] === null ? "" : ` (${line.slope.slice(1).map(signed).join(" to ")})`)
        + (line.fitted > axis("m")[0] ? `, fitted from m = ${width(line.fitted)}` : ""),
    ]);
    const full = head.map((_, i) => rows.some((texts) => texts[i]));
    const keep = (texts) => texts.filter((_, i) => full[i]);
    fillTable("values", keep(head), rows.map(keep));
    at("bins").closest("details").hidden = !bars;
    if (bars) fillTable("bins", ["From", "To", "Runs"], bars.map((bar) => [number(bar.from, 7), number(bar.to, 7), whole(bar.runs)]));
  };

  // The lines along the axis of a chart.
  const along = (name, law) => {
    const values = axis(name);
    return {
      axis: SYMBOLS[name], values, law, text: (value) => text(name, value), chosen: chosen[name],
      all: values.map((_, i) => cell({ ...chosen, [name]: i })), decays: name === "m" && quantity().decays,
    };
  };
  const describe = (lines, bars, axes) => {
    const { symbol, words } = quantity();
    const x = `${symbol}, ${words}${uses("x_norm") ? `, at ‖x‖\u00a0=\u00a0${allDigits(value("x_norm"))}` : ""}`;
    if (bars) {
      const [first, last] = [bars[0], bars[bars.length - 1]];
      const equal = charts.equal(bars) && `all runs are ${short(first.from)}`;
      const runs = `Histogram of ${counted(pick(experiment().runs, chosen))} of ${symbol}` + (equal ? `: ${equal}`
        : ` from ${short(first.from)} to ${short(last.to)}, at most ${whole(Math.max(...bars.map((bar) => bar.runs)))} in one of ${bars.length} bins`);
      const rules = lines.filter((line) => line.value !== null).map((line) => `${line.label} ${short(line.value)}`);
      at("beside-axis").textContent = equal ? `${x}; ${equal}` : x;
      at("close-axis").textContent = x;
      at("beside").setAttribute("aria-label", `${runs}. Vertical lines: ${rules.join(", ")}.`);
      at("close").setAttribute("aria-label", `${runs}. The same, on an axis that holds the runs alone.`);
    }
    for (const [place, { axis: name, values, all }] of Object.entries(axes)) {
      const measured = all.flat().filter(({ value, limits }) => value > 0 && limits);
      at(`${place}-axis`).textContent = `vertical: ${x}, logarithmic; the grey band is at the choice`
        + (measured.some(({ lower }) => lower !== null) ? `; bars are ${percent()}\u00a0% intervals` : "")
        + (measured.some(({ lower }) => lower === null) ? "; what has none has no bar: too few runs or too skewed" : "")
        + (measured.some(({ lower, upper }) => lower !== null && upper === null)
          ? "; a bar that ends at its point has no upper limit: too few runs" : "")
        + (all.flat().some(({ value }) => value === 0) ? "; a value of 0 is not on this axis" : "");
      const ends = lines.map(({ label }, i) => `${label} ${[0, all.length - 1].map((j) => or(all[j][i].value, missing(all[j][i]), 4)).join(" and ")}`);
      at(place).setAttribute("aria-label", `${symbol} on a logarithmic axis against ${name}, at ${name} = ${whole(values[0])} and `
        + `${whole(values[values.length - 1])}: ${ends.join("; ")}.`);
      fillTable(`by-${place}`, [name, ...lines.map(({ label }) => label)], all.map((c, i) => [whole(values[i]), ...c.map((line) => or(line.value, "—"))]));
    }
    for (const place of Object.keys(LINE_CHARTS)) at(`by-${place}`).closest("details").hidden = !(place in axes);
  };

  // Whatever is chosen while charts are being drawn, they are busy until the last choice is.
  let choices = 0;
  const update = async () => {
    const mine = ++choices;
    at("charts").setAttribute("aria-busy", "true");
    for (const name of page.axes) at(name).closest(".choose").hidden = !axis(name) || !uses(name);
    const law = axis("perturbation") && value("perturbation");
    const lines = cell(chosen), bars = histogram();
    const axes = Object.fromEntries(Object.entries(LINE_CHARTS).filter(([, name]) => axis(name) && uses(name))
      .map(([place, name]) => [place, along(name, law)]));
    write(lines, bars);
    describe(lines, bars, axes);
    await charts.draw({ lines, bars, law }, axes);
    if (mine === choices) at("charts").setAttribute("aria-busy", "false");
  };

  const options = (select, texts, current) => {
    select.replaceChildren(...texts.map((text, i) => new Option(text, String(i), false, i === current)));
  };
  const tell = (name) => {
    const words = text(name, value(name));
    at(`${name}-value`).textContent = words;
    at(name).setAttribute("aria-valuetext", words);
  };
  const values = () => Object.fromEntries(page.axes.filter(axis).map((name) => [name, value(name)]));
  // What was chosen on every axis so far, also those that this experiment has not.
  let wanted = {};
  // The lists of an experiment into the controls, at the values nearest to those wanted.
  const fill = () => {
    const named = experiment().quantities.findIndex(({ name }) => name === wanted.quantity);
    chosen.quantity = Math.max(0, named);
    options(at("quantity"), experiment().quantities.map(({ symbol, words }) => `${symbol}: ${words}`), chosen.quantity);
    const laws = axis("perturbation") ?? [];
    chosen.perturbation = Math.max(0, laws.indexOf(wanted.perturbation));
    options(at("perturbation"), laws.map((law) => {
      const words = Object.hasOwn(page.displacements, law) && page.displacements[law];
      return words ? `${law}: ${words}` : law;
    }), chosen.perturbation);
    for (const name of RANGES.filter(axis)) {
      const far = axis(name).map((v) => (v === wanted[name] ? 0 : Math.abs(Math.log(v / wanted[name]))));
      chosen[name] = far.indexOf(Math.min(...far));
      const control = at(name);
      control.max = String(axis(name).length - 1);
      control.value = String(chosen[name]);
      control.disabled = axis(name).length === 1;
      tell(name);
    }
  };

  // A state of the page is its address: names and values behind the #.
  const named = () => ({ experiment: experiment().name, quantity: quantity().name });
  const state = () => `#${new URLSearchParams({ ...named(), ...values(), ...calculator.state() })}`;
  const remember = () => {
    const address = state();
    if (address !== location.hash) history.pushState(null, "", address);
  };
  const restore = () => {
    if (location.hash && !location.hash.includes("=") && at("m").max) { // a place on the page
      history.replaceState(null, "", state());
      return;
    }
    const address = new URLSearchParams(location.hash.slice(1));
    chosen.experiment = page.experiments.findIndex((e) => e.name === address.get("experiment"));
    if (chosen.experiment < 0) chosen.experiment = page.first;
    if (at("experiment")) options(at("experiment"), page.experiments.map((e) => e.name), chosen.experiment);
    const start = { m: axis("m")[axis("m").length >> 1], d: axis("d")?.[0] ?? 10, alpha: 1, steps: 1e9, delta: 0.01, x_norm: 1 };
    const number = (name) => (address.get(name) && Number(address.get(name)) >= 0 ? Number(address.get(name)) : start[name]);
    wanted = {
      quantity: address.get("quantity"), perturbation: address.get("perturbation") ?? "adversarial",
      ...Object.fromEntries(RANGES.map((name) => [name, number(name)])),
    };
    fill();
    calculator.restore(address);
    update();
  };

  // What a chart shows, as a file.
  const quoted = (value) => (/[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : String(value ?? ""));
  const csv = (place) => {
    const own = Object.fromEntries(used().map((name) => [name, value(name)]));
    const name = LINE_CHARTS[place];
    const rows = name
      ? axis(name).map((v, i) => ({
        ...named(), ...own, [name]: v,
        ...Object.fromEntries(cell({ ...chosen, [name]: i }).flatMap((line) => [
          [line.name, line.value], ...(line.limits ? [[`${line.name}_lower`, line.lower], [`${line.name}_upper`, line.upper]] : []),
        ])),
      }))
      : [
        ...histogram().map(({ from, to, runs }) => ({ ...named(), ...own, shows: "runs", from, to, runs })),
        ...cell(chosen).map((line) => ({ ...named(), ...own, shows: line.name, from: line.value, to: line.value, runs: "" })),
      ];
    return [Object.keys(rows[0]), ...rows.map((row) => Object.values(row))]
      .map((texts) => texts.map(quoted).join(",")).join("\n") + "\n";
  };
  const save = (place, kind, text) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: kind === "csv" ? "text/csv" : "image/svg+xml" }));
    link.download = `${experiment().name}-${quantity().name}-${place}.${kind}`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };
  for (const place of Object.keys(page.charts)) {
    at(`${place}-csv`).addEventListener("click", () => save(place, "csv", csv(place)));
    at(`${place}-svg`).addEventListener("click", async () => save(place, "svg", await charts.svg(place)));
  }

  for (const name of ["experiment", "quantity", ...page.axes]) {
    at(name)?.addEventListener("input", (event) => {
      chosen[name] = Number(event.target.value);
      if (name === "experiment") fill();
      else wanted = { ...wanted, quantity: quantity().name, ...values() };
      if (RANGES.includes(name)) tell(name);
      update();
    });
    at(name)?.addEventListener("change", remember);
  }
  calculator.listen(remember);
  addEventListener("popstate", restore);
  at("still").hidden = true;
  for (const part of [document.forms[0], at("charts"), at("tables")]) part.hidden = false;
  charts.listen(update);
  restore();
})();
