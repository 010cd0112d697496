"use strict";

// How numbers are written on the page.
const numbers = (() => {
  const SUPERSCRIPTS = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  const power = (base, exponent) => base + [...String(exponent)].map((c) => SUPERSCRIPTS[c]).join("");
  const whole = (value) => value.toLocaleString("en-US");
  const runs = (count) => `${whole(count)} ${count === 1 ? "run" : "runs"}`;
  // To some significant digits.
  const number = (value, digits) => {
    if (value === 0) return "0";
    if (value < 0) return `−${number(-value, digits)}`;
    const rounded = value.toExponential(digits - 1);
    const [mantissa, exponent] = rounded.split("e");
    if (exponent < -4 || exponent >= 6) return `${mantissa} × ${power("10", Number(exponent))}`;
    return exponent < digits ? value.toPrecision(digits) : whole(Number(rounded));
  };
  // All digits of a number that was entered.
  const allDigits = (value) => {
    if (value !== 0 && (Math.abs(value) < 1e-4 || Math.abs(value) >= 1e7)) {
      const [mantissa, exponent] = value.toExponential().split("e");
      return (mantissa === "1" ? "" : `${mantissa} × `) + power("10", Number(exponent));
    }
    return whole(value) === "0" ? String(value) : value.toLocaleString("en-US", { maximumFractionDigits: 15 });
  };
  return { power, whole, runs, number, allDigits, short: (value) => number(value, 4) };
})();

// The calculator: a form, and what exact.js answers for each quantity.
const calculator = (() => {
  const { quantities, ranges } = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(`exact_${id}`);
  const answer = document.getElementById("exact-answer");
  const trouble = document.getElementById("exact-error");
  const FIELDS = ["m", "d", "alpha", "delta", "x_norm"];
  const SYMBOLS = { m: "m", d: "d", alpha: "α", delta: "δ", x_norm: "‖x‖" };
  at("law").append(...exactLaws.laws.map((law) => new Option(law)));

  // The number of a field, or what is wrong with it.
  const parse = (name) => {
    const text = at(name).value.trim(), power = /^2\^(\d+)$/.exec(text);
    const value = power ? 2 ** Number(power[1]) : Number(text || NaN);
    const [low, high, words] = ranges[name];
    const fits = value >= low && value <= high && (name === "m" ? value % 2 === 0 : name !== "d" || Number.isInteger(value));
    at(name).setAttribute("aria-invalid", String(!fits));
    const grouped = ["m", "d"].includes(name) || /,.*[,.]/.test(text); // a comma between thousands
    const comma = text.includes(",") ? `; write it ${grouped ? "without separators" : "with a point"}` : "";
    const allowed = words.replace("2^40", "2⁴⁰").replace("2^20", "2²⁰");
    return fits ? { value } : { error: `${SYMBOLS[name]} is ${text || "empty"}${comma}; allowed: ${allowed}.` };
  };

  const cell = (name, result, radius) => {
    const value = result[name];
    if (value === undefined) return "—"; // of a quantity that exact.js does not have
    if (name === "exponent") return value === 0.5 ? "1/2" : "3/4";
    if (value !== null) return numbers.number(value, 7);
    return name === "mean" ? "—" : radius > exactLaws.maxRadius ? "not computed" : "not to 10⁻⁶";
  };

  let questions = 0;
  const ask = async () => {
    const mine = ++questions;
    const parsed = FIELDS.map((name) => [name, parse(name)]);
    const errors = parsed.map(([, { error }]) => error).filter(Boolean);
    trouble.textContent = errors.join(" ");
    answer.textContent = "";
    const body = document.getElementById("exact-values").tBodies[0];
    const rows = [...body.rows];
    for (const row of rows) row.replaceChildren(row.cells[0]);
    body.setAttribute("aria-busy", String(!errors.length));
    if (errors.length) return;
    const question = { law: at("law").value, ...Object.fromEntries(parsed.map(([name, { value }]) => [name, value])) };
    const radius = question.alpha / Math.sqrt(question.m);
    const pause = () => new Promise((resolve) => setTimeout(resolve)); // keys and clicks in between
    // First what is known at once, then the exact quantiles, one after another.
    const waiting = [];
    for (const [, , quantity] of quantities) {
      const parts = exactLaws.parts({ ...question, quantity }), result = {};
      for (const row of rows) {
        const { name } = row.dataset;
        const td = Object.assign(row.insertCell(), { className: "n", textContent: "…" });
        const fill = (value) => {
          result[name] = value;
          td.textContent = cell(name, result, radius);
        };
        if (typeof parts[name] === "function") waiting.push([quantity, name, () => fill(parts[name]()), result]);
        else fill(parts[name]);
      }
    }
    for (const [quantity, name, compute, result] of waiting) {
      await pause();
      if (mine !== questions) return;
      compute();
      if (quantity !== "linearization_error" || name !== "exact_quantile") continue;
      const level = numbers.allDigits(Number((1 - question.delta).toPrecision(12)));
      const exact = result.exact_quantile;
      const error = `linearization error ${quantities.find(([, , name]) => name === quantity)[0]}`, law = `under the ${question.law} law`;
      const unknown = radius > exactLaws.maxRadius ? `not computed beyond α/√m = ${exactLaws.maxRadius}` : "not computable here to a relative error of 10⁻⁶";
      answer.textContent = (exact === null ? `The ${level}-quantile of the ${error} ${law} is ${unknown}`
        : `With probability ${level} the ${error} is at most ${numbers.short(exact)} ${law}`) + `; Theorem 1 has ${numbers.short(result.printed)}.`;
    }
    body.setAttribute("aria-busy", "false");
  };

  const state = () => Object.fromEntries(["law", ...FIELDS].map((name) => [`exact_${name}`, at(name).value]));
  const restore = (wanted) => {
    for (const name of ["law", ...FIELDS]) {
      const value = wanted.get(`exact_${name}`) ?? at(name).defaultValue ?? at(name).options[0].value;
      if (name !== "law" || [...at(name).options].some((option) => option.value === value)) at(name).value = value;
    }
    ask();
  };
  const listen = (changed) => {
    for (const name of ["law", ...FIELDS]) {
      at(name).addEventListener("input", ask);
      at(name).addEventListener("change", changed);
    }
    const form = document.getElementById("exact-form");
    form.addEventListener("submit", (event) => event.preventDefault());
    form.hidden = false;
    document.getElementById("exact-table").hidden = false;
  };
  return { state, restore, listen };
})();
