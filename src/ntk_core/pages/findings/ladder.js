// The bounds of Theorem 1 on the linearization error, from the printed one to the exact quantile.
(() => {
  const part = document.getElementById("ladder");
  const { positions, start, rungs, tables } = JSON.parse(document.getElementById("ladder-data").textContent);
  const chosen = { ...start };
  const at = (name) => positions[name][chosen[name]];
  const printed = (m, alpha, delta, norm) =>
    ((alpha * (1 + norm)) / Math.sqrt(m)) * (alpha * norm + Math.sqrt(-Math.log(delta)));
  const of = (rung, i) =>
    rung === "printed"
      ? printed(positions.m[i], at("alpha"), at("delta"), at("x_norm"))
      : tables[rung][chosen.alpha][chosen.delta][i] * at("x_norm");

  const superscript = (k) => [...String(k)].map((c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c])).join("");
  const written = (name) => {
    const value = at(name);
    if (name === "m") return `2${superscript(Math.log2(value))} = ${value.toLocaleString("en-US")}`;
    return value < 1e-4 ? `10${superscript(Math.round(Math.log10(value)))}` : String(value);
  };
  const digits = (value) => {
    if (value >= 1e-4) return value.toPrecision(4);
    const [mantissa, power] = value.toExponential(3).split("e");
    return `${mantissa} × 10${superscript(Number(power))}`;
  };
  const times = (ratio) =>
    ratio === 1 ? "1" : ratio < 99.95 ? ratio.toPrecision(3) : Number(ratio.toPrecision(3)).toLocaleString("en-US");

  // The chart: each bound over the exact quantile, against the width; both axes logarithmic.
  const chart = part.querySelector("svg");
  const LEFT = 46, TOP = 10, HEIGHT = 250, TOPMOST = 1000;
  const WIDTH = part.clientWidth < 640 ? 240 : 560;
  chart.setAttribute("viewBox", `0 0 ${LEFT + WIDTH + 74} ${TOP + HEIGHT + 52}`);
  const widths = positions.m;
  const x = (m) => LEFT + (WIDTH * Math.log(m / widths[0])) / Math.log(widths[widths.length - 1] / widths[0]);
  const y = (ratio) => TOP + HEIGHT * (1 - Math.log(ratio) / Math.log(TOPMOST));
  const shape = (tag, attributes, text = "") => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.textContent = text;
    return element;
  };
  for (const ratio of [1, 3, 10, 30, 100, 300, 1000]) {
    chart.append(
      shape("line", { class: ratio === 1 ? "floor" : "grid", x1: LEFT, x2: LEFT + WIDTH, y1: y(ratio), y2: y(ratio) }),
      shape("text", { x: LEFT - 8, y: y(ratio) + 4, "text-anchor": "end" }, ratio),
    );
  }
  for (const m of widths.filter((_, i) => WIDTH > 300 || i % 2 === 0)) {
    chart.append(shape("text", { x: x(m), y: TOP + HEIGHT + 20, "text-anchor": "middle" }, `2${superscript(Math.log2(m))}`));
  }
  chart.append(
    shape("text", { x: LEFT + WIDTH / 2, y: TOP + HEIGHT + 42, "text-anchor": "middle" }, "width m"),
    shape("text", { x: LEFT + WIDTH + 10, y: y(1) + 4 }, "exact"),
  );
  const cursor = shape("line", { class: "cursor", y1: TOP, y2: TOP + HEIGHT });
  chart.append(cursor);
  const lines = rungs.slice(0, -1).map((rung) => {
    const line = shape("polyline", { class: `rung ${rung}` });
    const dot = shape("circle", { class: "dot", r: 5 });
    const label = shape("text", { x: LEFT + WIDTH + 10 }, rung);
    chart.append(line, dot, label);
    return { rung, line, dot, label };
  });

  const update = () => {
    for (const input of part.querySelectorAll("input")) {
      const text = written(input.name);
      input.setAttribute("aria-valuetext", text);
      input.parentElement.querySelector("output").textContent = text;
    }
    const values = Object.fromEntries(rungs.map((rung) => [rung, of(rung, chosen.m)]));
    for (const row of part.querySelectorAll("[data-rung]")) {
      const value = values[row.dataset.rung];
      const [shown, ratio] = row.querySelectorAll("data");
      shown.value = value;
      shown.textContent = digits(value);
      ratio.value = value / values.exact;
      ratio.textContent = times(value / values.exact);
    }
    cursor.setAttribute("x1", x(at("m")));
    cursor.setAttribute("x2", x(at("m")));
    let below = y(1) + 4; // of the name of the exact quantile
    for (const { rung, line, dot, label } of [...lines].reverse()) {
      const ratios = widths.map((_, i) => of(rung, i) / of("exact", i));
      line.setAttribute("points", ratios.map((ratio, i) => `${x(widths[i])},${y(ratio)}`).join(" "));
      dot.setAttribute("cx", x(at("m")));
      dot.setAttribute("cy", y(values[rung] / values.exact));
      below = Math.min(below - 16, y(ratios[ratios.length - 1]) + 4);
      label.setAttribute("y", below);
    }
    chart.setAttribute(
      "aria-label",
      `Each bound over the exact quantile against the width, at m = ${written("m")}: ` +
        lines.map(({ rung }) => `${rung} ${times(values[rung] / values.exact)}`).join(", "),
    );
  };

  for (const input of part.querySelectorAll("input")) {
    input.max = positions[input.name].length - 1;
    input.value = chosen[input.name];
    input.addEventListener("input", () => {
      chosen[input.name] = Number(input.value);
      update();
    });
  }
  for (const element of part.querySelectorAll("[hidden]")) element.hidden = false;
  update();
})();
