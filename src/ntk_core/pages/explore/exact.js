"use strict";

// Exact quantiles, moments and bounds of the laws along x and of random directions: docs/theory.md, "The
// ladder of bounds", "Exact law along x" and "Random directions", at ‖x‖ = 1. The numbers of `ntk-core exact`, by
// other means: no special function but erf enters, every law goes through one Fourier series.
const exactLaws = (() => {
  const PHI0 = 1 / Math.sqrt(2 * Math.PI);
  const TARGET = 1e-6; // largest relative error of a quantile that is shown
  const MAX_RADIUS = 8; // laws with a density are not computed beyond this r = α/√m
  const ORDER = 20; // Gauss-Legendre nodes of a panel
  const PHASE = 24; // radians of oscillation that a panel integrates to rounding
  const MIN_TILT = 1e-9;
  const LOG_EXCESS = 14; // log of the largest ratio of a tilted sum to the tail that follows from it
  const LOG_OUTSIDE = 16 * Math.LN10; // -log of the probability outside the interval of a series
  const DIRECT = 256; // terms of a series whose transform is summed without FFT
  const TERMS = [DIRECT, 1 << 12, 1 << 15, 1 << 18];
  const CUTS = [0.8, 0.65, 0.5]; // shares of a series whose sums tell its error

  const sum = (count, term) => {
    let total = 0;
    for (let i = 0; i < count; i++) total += term(i);
    return total;
  };
  const cached = (make, size = 16) => {
    const cache = new Map();
    return (...key) => {
      const name = key.join();
      if (!cache.has(name)) {
        if (cache.size >= size) cache.delete(cache.keys().next().value);
        cache.set(name, make(...key));
      }
      return cache.get(name);
    };
  };

  // erf(x) for x ≥ 0: its series of positive terms, or the continued fraction of erfc.
  const erf = (x) => {
    if (x > 6) return 1;
    if (x < 2.5) {
      let term = x, total = x;
      for (let n = 1; term > 1e-17 * total; n++) total += term *= (2 * x * x) / (2 * n + 1);
      return 4 * PHI0 * Math.SQRT1_2 * Math.exp(-x * x) * total;
    }
    let fraction = x;
    for (let n = 60; n > 0; n--) fraction = x + n / 2 / fraction;
    return 1 - Math.exp(-x * x) / (Math.sqrt(Math.PI) * fraction);
  };

  // log |1 + u + iv|.
  const logModulus = (u, v) => {
    const square = u * (2 + u) + v * v;
    return square > -0.5 ? 0.5 * Math.log1p(square) : Math.log(Math.hypot(1 + u, v));
  };

  // Legendre polynomials P_0 … P_{count - 1} at x.
  const legendre = (x, count) => {
    const p = [1, x];
    for (let k = 1; k < count - 1; k++) p.push(((2 * k + 1) * x * p[k] - k * p[k - 1]) / (k + 1));
    return p.slice(0, count);
  };
  const gauss = (order) => {
    const nodes = [], weights = [];
    for (let i = order; i > 0; i--) {
      let x = Math.cos((Math.PI * (i - 0.25)) / (order + 0.5)), slope = 1;
      for (let step = 0; step < 9; step++) {
        const p = legendre(x, order + 1);
        slope = (order * (x * p[order] - p[order - 1])) / (x * x - 1);
        x -= p[order] / slope;
      }
      nodes.push(x);
      weights.push(2 / ((1 - x * x) * slope * slope));
    }
    return { nodes, weights };
  };
  const { nodes: NODES, weights: WEIGHTS } = gauss(ORDER);
  const AT_NODES = NODES.map((x) => legendre(x, ORDER));
  const toSeries = (values) =>
    NODES.map((_, k) => (k + 0.5) * sum(ORDER, (j) => WEIGHTS[j] * AT_NODES[j][k] * values[j]));
  const series = (coefficients, x) => {
    let [one, two] = [0, 0];
    for (let k = coefficients.length - 1; k > 0; k--) {
      [one, two] = [coefficients[k] + ((2 * k + 1) / (k + 1)) * x * one - ((k + 1) / (k + 2)) * two, one];
    }
    return coefficients[0] + x * one - two / 2;
  };

  // cos(angle)^power, for large powers too.
  const cosPower = (angle, power) => {
    if (power === 0) return 1;
    const sine = Math.sin(angle);
    return Math.exp(power * (angle < 0.5 ? 0.5 * Math.log1p(-sine * sine) : Math.log(Math.cos(angle))));
  };
  // The angle θ beyond which the first coordinate sin θ of a unit vector has probability below e^{-200}.
  const largestAngle = (d) => (d > 1 ? Math.acos(Math.exp(-200 / (d - 1))) : Math.PI / 2);
  // Panels that halve towards 0, where a density may be rough, and towards the end, for large tilts.
  const panels = (d) => {
    const shares = [0];
    for (let k = 32; k > 0; k--) shares.push(2 ** -k);
    for (let k = 2; k < 13; k++) shares.push(1 - 2 ** -k);
    return [...shares, 1].map((share) => largestAngle(d) * share);
  };

  // A density of X = sin θ in θ, as values at the nodes and Legendre series on panels.
  class Density {
    constructor(edges, at) {
      this.edges = edges;
      this.parts = edges.slice(1).map((high, i) => {
        const low = edges[i], middle = 0.5 * (low + high), half = 0.5 * (high - low);
        const angles = NODES.map((x) => middle + half * x);
        const values = angles.map(at);
        const coefficients = toSeries(values);
        // ∫_x^1 P_k = (P_{k-1} - P_{k+1})/(2k + 1), and 1 - x for k = 0.
        const above = new Array(ORDER + 1).fill(0);
        coefficients.forEach((c, k) => {
          above[Math.max(k - 1, 0)] += (half * c) / (2 * k + 1);
          above[k + 1] -= (half * c) / (2 * k + 1);
        });
        return { middle, half, angles, values, above, mass: 2 * half * coefficients[0], after: 0 };
      });
      for (let i = this.parts.length - 2; i >= 0; i--) {
        this.parts[i].after = this.parts[i + 1].after + this.parts[i + 1].mass;
      }
      this.mass = this.parts[0].after + this.parts[0].mass;
    }

    // ∫ from an angle to the end.
    above(angle) {
      let [low, high] = [0, this.parts.length];
      if (angle >= this.edges[high]) return 0;
      while (high - low > 1) {
        const middle = (low + high) >> 1;
        if (this.edges[middle] <= angle) low = middle;
        else high = middle;
      }
      const part = this.parts[low];
      return part.after + series(part.above, (angle - part.middle) / part.half);
    }

    // Values of X and the mass at each times e^{σ(X - largest)}, with room for oscillations up to a frequency.
    nodes(tilt = 0, frequency = 0) {
      const values = [], masses = [], largest = Math.sin(this.edges[this.edges.length - 1]);
      const tilts = this.parts.map(({ angles, values: at, half }) =>
        at.map((value, j) => half * WEIGHTS[j] * value * Math.exp(tilt * (Math.sin(angles[j]) - largest))));
      const weight = tilts.map((part) => sum(ORDER, (j) => part[j]));
      const least = 1e-19 * sum(weight.length, (i) => weight[i]); // of a panel whose oscillations matter
      this.parts.forEach(({ middle, half }, i) => {
        const pieces = weight[i] < least ? 1 : Math.max(1, Math.ceil((2 * frequency * half) / PHASE));
        const coefficients = pieces > 1 && toSeries(tilts[i].map((mass, j) => mass / WEIGHTS[j]));
        for (let piece = 0; piece < pieces; piece++) {
          NODES.forEach((node, j) => {
            const x = pieces === 1 ? node : (2 * piece + 1 + node) / pieces - 1;
            values.push(Math.sin(middle + half * x));
            masses.push(pieces === 1 ? tilts[i][j] : (WEIGHTS[j] * series(coefficients, x)) / pieces);
          });
        }
      });
      return { values: Float64Array.from(values), masses: Float64Array.from(masses) };
    }
  }

  // The first coordinate t of a uniform unit vector in R^d: its density at 0, P(t > s), E[t 1{t > s}], E[t² 1{t > s}].
  const coordinate = cached((d) => {
    if (d === 1) return { atZero: 0, tail: () => 0.5, farTail: () => 0.5, mean: () => 0.5, second: () => 0.5 };
    const shape = new Density(panels(d), (angle) => cosPower(angle, d - 2));
    const atZero = 0.5 / shape.mass;
    const tail = (s) => (s <= 0 ? 0.5 : atZero * shape.above(Math.asin(Math.min(s, 1))));
    // The same tail to full relative accuracy, wherever it is, for large tilts.
    const farTail = (angle) => {
      const i = shape.edges.findLastIndex((edge) => edge <= angle), { middle, half, after } = shape.parts[i];
      const width = 0.5 * (middle + half - angle);
      return atZero * (after + width * sum(ORDER, (j) => WEIGHTS[j] * cosPower(angle + width * (1 + NODES[j]), d - 2)));
    };
    const mean = (s) => (atZero / (d - 1)) * cosPower(Math.asin(s), d - 1);
    return { atZero, tail, farTail, mean, second: (s) => ((d - 1) * s * mean(s) + tail(s)) / d };
  });

  // Density of |w(0)·x|/r at s, and P(|w(0)·x| < r s).
  const position = (s, radius) => 2 * radius * PHI0 * Math.exp(-0.5 * (radius * s) ** 2);
  const positionsBelow = (s, radius) => erf(radius * Math.SQRT1_2 * s);

  // ∫ g(s) over the band, s = |z|/r, in the angle arcsin s on panels halving towards 0.
  const BAND = [0, ...Array.from({ length: 25 }, (_, k) => Math.asin(2 ** (k - 24)))];
  const bandIntegral = (g, radius) => new Density(BAND, (angle) =>
    Math.cos(angle) * position(Math.sin(angle), radius) * g(Math.sin(angle))).mass;

  // Double exponential quadrature on (0, 1): distances from both ends, and weights.
  const ENDS = Array.from({ length: 200 }, (_, i) => {
    const step = 6.8 / 199, t = -3.4 + step * i;
    const [low, high] = [-1, 1].map((sign) => 1 / (1 + Math.exp(sign * Math.PI * Math.sinh(t))));
    return { low, high, weight: step * Math.PI * Math.cosh(t) * low * high };
  });

  // The density of X > 0, the signed term of one pair under random directions, as in theory/pair.py: with w the
  // density of the position, W its integral, g and T density and tail of t,
  //   E:  ∫ (W·(1 - T))′(u) g(u + y) du      Δ₁: w T (1 - T)      Δ₂: g(y) ∫₀^y w·(1 - T) + ∫ W(u) g(u) g(u + y) du
  const randomDirection = cached((quantity, d, radius) => {
    const edges = panels(d), top = largestAngle(d), { atZero, tail, farTail } = coordinate(d);
    if (quantity === "delta1") {
      return new Density(edges, (angle) => {
        const above = farTail(angle);
        return Math.cos(angle) * position(Math.sin(angle), radius) * above * (1 - above);
      });
    }
    if (d === 1) return new Density(edges, (angle) => 0.25 * Math.cos(angle) * position(1 - Math.sin(angle), radius));
    // ∫ f(u, g(u)) g(u + y) du, y = sin θ, u + y = sin ψ.
    const lagged = (angle, f) => sum(ENDS.length, (i) => {
      const { low, high, weight } = ENDS[i];
      const above = (top - angle) * low, short = (top - angle) * high + (Math.PI / 2 - top);
      const u = 2 * Math.cos(angle + 0.5 * above) * Math.sin(0.5 * above);
      const oneLess = 2 * Math.sin(0.5 * short) ** 2 + Math.sin(angle);
      const logSquare = u < 0.25 ? Math.log1p(-u * u) : Math.log(oneLess * (1 + u));
      const density = atZero * Math.exp(0.5 * (d - 3) * logSquare);
      return f(u, density) * atZero * cosPower(Math.PI / 2 - short, d - 2) * (top - angle) * weight;
    });
    if (quantity === "linearization_error") {
      const inner = (u, density) => position(u, radius) * (1 - tail(u)) + positionsBelow(u, radius) * density;
      return new Density(edges, (angle) => Math.cos(angle) * lagged(angle, inner));
    }
    return new Density(edges, (angle) => {
      const y = Math.sin(angle);
      const below = sum(ENDS.length, (i) => {
        const u = angle * ENDS[i].low;
        return positionsBelow(Math.sin(u), radius) * atZero * cosPower(u, d - 2) * angle * ENDS[i].weight;
      });
      const one = positionsBelow(y, radius) * (1 - tail(y)) - below;
      const both = lagged(angle, (u, density) => positionsBelow(u, radius) * density);
      return Math.cos(angle) * both + atZero * cosPower(angle, d - 2) * one;
    });
  });

  // FFT in place, for a power of two.
  const fft = (re, im) => {
    const size = re.length;
    for (let i = 1, j = 0; i < size; i++) {
      let bit = size >> 1;
      for (; j & bit; bit >>= 1) j ^= bit;
      j ^= bit;
      if (i < j) [re[i], re[j], im[i], im[j]] = [re[j], re[i], im[j], im[i]];
    }
    const cos = new Float64Array(size / 2), sin = new Float64Array(size / 2);
    for (let i = 0; i < size / 2; i++) [cos[i], sin[i]] = [Math.cos((2 * Math.PI * i) / size), Math.sin((2 * Math.PI * i) / size)];
    for (let half = 1; half < size; half *= 2) {
      const step = size / (2 * half);
      for (let start = 0; start < size; start += 2 * half) {
        for (let k = start, turn = 0; k < start + half; k++, turn += step) {
          const c = cos[turn], s = sin[turn], a = re[k + half], b = im[k + half];
          const x = a * c - b * s, y = a * s + b * c;
          re[k + half] = re[k] - x;
          im[k + half] = im[k] - y;
          re[k] += x;
          im[k] += y;
        }
      }
    }
  };

  // Σ mass_k e^{iω_j x_k}, ω_j = 2πj/period, j = 0 … count - 1: each mass is spread over 16 points of a grid of
  // twice the points, and the spread, e^{β(√(1 - z²) - 1)}, divided out after the FFT (as in FINUFFT; 1e-14).
  const SPREAD = 16, BETA = 2.3 * SPREAD;
  const spread = (z) => (Math.abs(z) < 1 ? Math.exp(BETA * (Math.sqrt(1 - z * z) - 1)) : 0);
  const spreadTransform = cached((count) => {
    const { nodes, weights } = gauss(40);
    const at = nodes.map((x) => (SPREAD / 4) * (x + 1));
    const mass = at.map((x, k) => (SPREAD / 2) * weights[k] * spread((2 * x) / SPREAD));
    return Float64Array.from({ length: count }, (_, j) =>
      sum(40, (k) => mass[k] * Math.cos((Math.PI / (2 * count)) * j * at[k])));
  });
  const fourierSums = (values, masses, period, count) => {
    const size = 4 * count, re = new Float64Array(size), im = new Float64Array(size);
    for (let k = 0; k < values.length; k++) {
      const scaled = (values[k] * size) / period, first = Math.ceil(scaled - SPREAD / 2);
      for (let point = first; point < first + SPREAD; point++) {
        re[((point % size) + size) % size] += masses[k] * spread((point - scaled) / (SPREAD / 2));
      }
    }
    fft(re, im);
    const divide = spreadTransform(count);
    for (let j = 0; j < count; j++) [re[j], im[j]] = [re[j] / divide[j], im[j] / divide[j]];
    return { re: re.subarray(0, count), im: im.subarray(0, count) };
  };

  // A zero of a falling function between `low` and `high`, by false position that halves a stuck end (Illinois).
  const root = (f, low, high) => {
    let [atLow, atHigh, side] = [f(low), f(high), 0];
    for (let step = 0; step < 200 && high - low > 1e-14 * high; step++) {
      let next = (low * atHigh - high * atLow) / (atHigh - atLow);
      if (!(next > low && next < high) || step % 8 === 7) next = 0.5 * (low + high);
      const at = f(next);
      if (at === 0) return next;
      if (at > 0) {
        [low, atLow] = [next, at];
        if (side > 0) atHigh /= 2;
        side = 1;
      } else {
        [high, atHigh] = [next, at];
        if (side < 0) atLow /= 2;
        side = -1;
      }
    }
    return 0.5 * (low + high);
  };
  // The tilt at which a falling function crosses zero, to 1 %, or an end of the range.
  const tiltWhere = (f, low, high) => {
    if (f(low) <= 0) return low;
    if (f(high) >= 0) return high;
    while (high > 1.01 * low) {
      const middle = Math.sqrt(low * high);
      if (f(middle) > 0) low = middle;
      else high = middle;
    }
    return high;
  };

  // Σ re_j cos(jθ) + im_j sin(jθ) over j ≥ 1, the angle turned by products between exact values.
  const waves = (re, im, angle) => {
    const [turnCos, turnSin] = [Math.cos(angle), Math.sin(angle)];
    let [total, c, s] = [0, 1, 0];
    for (let j = 1; j < re.length; j++) {
      if (j % 64 === 0) [c, s] = [Math.cos(j * angle), Math.sin(j * angle)];
      else [c, s] = [c * turnCos - s * turnSin, s * turnCos + c * turnSin];
      total += re[j] * c + im[j] * s;
    }
    return total;
  };
  // A series cut to some terms and damped towards the last, with its sum at the end of the interval.
  const damped = ({ re, im, turn, end, centre }, count) => {
    const damp = (term, j) => term * Math.exp(-36 * (j / count) ** 8);
    [re, im] = [re.slice(0, count).map(damp), im.slice(0, count).map(damp)];
    return { re, im, atEnd: waves(re, im, turn * (end - centre)) };
  };

  // |Y| or Y, for the sum Y of n iid terms that are X > 0 with the mass of a density, -X with the same if `sides`
  // is 2, and else 0. Y is in units of the largest X.
  class TermSum {
    constructor(n, density, sides) {
      const { values, masses } = density.nodes();
      const scale = Math.sin(density.edges[density.edges.length - 1]);
      Object.assign(this, { n, density, sides, scale, masses, values: values.map((x) => x / scale) });
      this.p = Math.min(1, sides * density.mass); // P(term ≠ 0)
      this.largest = n / scale;
    }

    // log E[e^{σY}], and the mean of Y under the tilt e^{σY}. Beyond 300 only the largest terms matter.
    logMoment(tilt) {
      const { n, values, masses, sides } = this;
      if (tilt > 300) return n * (tilt + Math.log(sum(values.length, (k) => masses[k] * Math.exp(tilt * (values[k] - 1)))));
      const excess = sides === 2 ? (x) => 4 * Math.sinh(0.5 * x) ** 2 : Math.expm1;
      return n * Math.log1p(Math.max(-1, sum(values.length, (k) => masses[k] * excess(tilt * values[k]))));
    }
    mean(tilt) {
      const { n, values, masses, sides, p } = this;
      const mirrored = sides === 2 ? (x) => -Math.expm1(-2 * x) : () => 1;
      let [mass, first] = [0, 0];
      for (let k = 0; k < values.length; k++) {
        const x = tilt * values[k], weight = masses[k] * Math.exp(x - tilt);
        mass += weight * (sides === 2 ? 1 + Math.exp(-2 * x) : 1);
        first += weight * values[k] * mirrored(x);
      }
      return (n * first) / (mass + (1 - p) * Math.exp(-tilt));
    }

    // An interval outside which the tilted law has probability below 2e-16, by Chernoff's bound.
    ends(tilt) {
      const at = this.logMoment(tilt);
      let [start, end] = [this.sides === 2 ? -this.largest : 0, this.largest];
      for (let step = 1e-9; step < 1e7; step *= 1.5) {
        end = Math.min(end, (this.logMoment(tilt + step) - at + LOG_OUTSIDE) / step);
        if (this.sides === 2 || step < 300) {
          const below = this.logMoment(this.sides === 2 ? Math.abs(tilt - step) : tilt - step);
          start = Math.max(start, -(below - at + LOG_OUTSIDE) / step);
        }
      }
      return [start, end];
    }

    // The Fourier series of the tilted density of Y on K ≥ 2, K the number of terms that are not 0.
    series(tilt, count) {
      const { n, p, scale, sides } = this;
      const [start, end] = this.ends(tilt), length = end - start;
      const turn = (2 * Math.PI) / length;
      const { values, masses } = this.density.nodes(tilt / scale, (turn * count) / scale);
      const size = values.length, x = new Float64Array(sides * size), weights = new Float64Array(sides * size);
      for (let k = 0; k < size; k++) {
        x[k] = values[k] / scale;
        weights[k] = masses[k];
        if (sides === 2) [x[size + k], weights[size + k]] = [-x[k], masses[k] * Math.exp(-2 * tilt * x[k])];
      }
      const mass = sum(x.length, (k) => weights[k]);
      const share = mass / (mass + (1 - p) * Math.exp(-tilt));
      const mean = (share * sum(x.length, (k) => weights[k] * x[k])) / mass; // of one term
      const sums = count > DIRECT && fourierSums(x, weights, length, count);
      const none = Math.exp(n * Math.log1p(-share));
      const one = n * share * Math.exp((n - 1) * Math.log1p(-share));
      const re = new Float64Array(count), im = new Float64Array(count);
      for (let j = 0; j < count; j++) {
        const omega = turn * j;
        // E[e^{iωX}] - 1 over the terms that are not 0. Phases are those of Y less its mean.
        let a = sums ? sums.re[j] / mass - 1 : 0, b = sums ? sums.im[j] / mass : 0;
        if (!sums) {
          for (let k = 0; k < x.length; k++) {
            a -= 2 * weights[k] * Math.sin(0.5 * omega * x[k]) ** 2;
            b += weights[k] * Math.sin(omega * x[k]);
          }
          [a, b] = [a / mass, b / mass];
        }
        const [u, v] = [share * a, share * b];
        const modulus = Math.exp(n * logModulus(u, v));
        const phase = n * (Math.atan2(v, 1 + u) - omega * mean), back = -omega * n * mean;
        const [c, s] = [Math.cos(back), Math.sin(back)];
        const [left, right] = [none + one * (1 + a), one * b];
        const real = modulus * Math.cos(phase) - (left * c - right * s);
        const imaginary = modulus * Math.sin(phase) - (left * s + right * c);
        const rate = tilt * tilt + omega * omega;
        re[j] = (real * tilt + imaginary * omega) / rate;
        im[j] = (imaginary * tilt - real * omega) / rate;
      }
      const rounding = 1e-15 + (sums ? 1e-14 * n * share : 1e-15 * Math.sqrt(n * share));
      const size0 = Math.abs(re[0] * Math.expm1(-tilt * length)); // of the first term, as `tailIntegral` has it
      const error = 2e-16 + (2 * rounding * (size0 + sum(count - 1, (j) => Math.hypot(re[j + 1], im[j + 1])))) / length;
      return { tilt, logMoment: this.logMoment(tilt), end, length, turn, centre: n * mean, re, im, error, cuts: {} };
    }

    // ∫_y^end e^{-σ(x - y)} of the tilted density, by a share of the series, damped towards its end.
    tailIntegral(y, series, cut = 1) {
      const { tilt, end, length, turn, centre } = series;
      const { re, im, atEnd } = (series.cuts[cut] ??= damped(series, Math.floor(cut * series.re.length)));
      const near = waves(re, im, turn * (y - centre)) - Math.exp(-tilt * (end - y)) * atEnd;
      return (2 * near - series.re[0] * Math.expm1(-tilt * (end - y))) / length;
    }

    // P(Y > y) and a bound on its error: rounding, and twice the distance to the series cut earlier.
    tail(y, series) {
      const { n, p, density, scale } = this;
      if (y >= this.largest) return 0;
      const single = y < 1 ? n * Math.exp((n - 1) * Math.log1p(-p)) * density.above(Math.asin(y * scale)) : 0;
      if (n === 1) return density.above(Math.asin(y * scale));
      if (y >= series.end) return single;
      return single + this.untilted(y, series) * Math.max(this.tailIntegral(y, series), 0);
    }
    untilted(y, series) {
      return Math.exp(Math.min(series.logMoment - series.tilt * y, 700));
    }
    tailError(y, series) {
      if (this.n === 1 || y >= series.end) return 0;
      const full = this.tailIntegral(y, series);
      const distances = CUTS.map((cut) => Math.abs(full - this.tailIntegral(y, series, cut)));
      series.complete = 2 * Math.max(...distances) <= series.error; // more terms would not help
      return this.untilted(y, series) * (series.error + 2 * Math.max(...distances));
    }

    // The least value with P(> value) ≤ δ, in units of X = 1, and a bound on its relative error.
    quantile(delta) {
      const { n, p, sides } = this;
      const some = -Math.expm1(n * Math.log1p(-p));
      if (some <= delta) return { value: 0, error: 0 };
      const level = Math.log(delta / sides);
      const excess = (t) => this.logMoment(t) - t * this.mean(t) - level;
      const tilt = delta > 0.5 ? MIN_TILT : tiltWhere(excess, MIN_TILT, 1e6);
      let quantile;
      for (const count of n === 1 ? [0] : TERMS) {
        const series = n === 1 ? { tilt, end: 1 } : this.series(tilt, count);
        quantile = this.quantileBy(series, delta, some);
        if (quantile.error <= TARGET || series.complete) break;
      }
      return quantile;
    }
    quantileBy(series, delta, some) {
      let share = delta / this.sides;
      // P(Y > 0) is known: the error of the series at 0 is taken off near δ = 1.
      if (this.sides === 2 && delta > 0.75 && this.n > 1) share += this.tail(0, series) - some / 2;
      const excess = (y) => Math.log(Math.max(this.tail(y, series), 1e-300) / share);
      let top = Math.min(this.largest, this.mean(series.tilt));
      if (excess(top) > 0) top = Math.min(this.largest, this.n === 1 ? 1 / this.scale : series.end);
      // Far below the tilted mean only the sign is sure, where the quantile is above.
      const trusted = this.n === 1 ? 0 : (series.logMoment - Math.log(share) - LOG_EXCESS) / series.tilt;
      const low = trusted > 0 && excess(trusted) > 0 ? trusted : 0;
      const y = root(excess, low, top);
      const step = 1e-5 * y;
      const slope = (this.tail(y - step, series) - this.tail(y, series)) / step;
      const error = slope > 0 ? this.tailError(y, series) / (slope * y) + 1e-10 : Infinity;
      return { value: y * this.scale, error };
    }
  }

  // |Y| or Y for the sum Y of n iid counts, `chances` their values but 0 and probabilities; `sides` as above.
  class CountSum {
    constructor(n, chances, sides = 1) {
      Object.assign(this, { n, chances, sides, largest: n * Math.max(...chances.map(([value]) => value)) });
    }

    logMoment(tilt) {
      return this.n * Math.log1p(Math.max(-1, this.chances.reduce((total, [v, p]) => total + p * Math.expm1(v * tilt), 0)));
    }

    // Probabilities of one term under a tilt, and its first two moments.
    shares(tilt) {
      const total = Math.exp(this.logMoment(tilt) / this.n);
      const shares = this.chances.map(([v, p]) => [v, (p * Math.exp(v * tilt)) / total]);
      return [shares, ...[1, 2].map((power) => shares.reduce((moment, [v, p]) => moment + v ** power * p, 0))];
    }

    // The law under a tilt: mean, and P(Y > k) by the Fourier series of its masses on all counts that matter.
    tilted(tilt) {
      const { n, largest, sides } = this;
      const logMoment = this.logMoment(tilt), [shares, first, second] = this.shares(tilt);
      const mean = n * first, reach = 14 * Math.sqrt(n * second) + 60;
      const low = Math.max(sides === 2 ? -largest : 0, Math.floor(mean - reach));
      const end = Math.min(largest, Math.floor(mean + reach));
      const size = (end - low + 1) | 1; // odd, so that frequencies come in pairs
      const terms = [];
      for (let j = 1; 2 * j < size; j++) {
        const omega = (2 * Math.PI * j) / size;
        const [u, v] = shares.reduce(([a, b], [value, p]) =>
          [a - 2 * p * Math.sin(0.5 * value * omega) ** 2, b + p * Math.sin(value * omega)], [0, 0]);
        const modulus = Math.exp(n * logModulus(u, v));
        if (modulus < 1e-20 && size > 1e4) break;
        terms.push([omega, modulus, n * (Math.atan2(v, 1 + u) - omega * first)]);
      }
      // Σ_{l > k} e^{-σ(l - k - 1)} P(Y = l) to the last count: a geometric sum for each frequency.
      const tail = (k) => {
        if (k >= end) return 0;
        const number = low + size - 1 - k, rest = Math.exp(-tilt * number);
        let sums = tilt * number < 1e-12 ? number : Math.expm1(-tilt * number) / Math.expm1(-tilt);
        for (const [omega, modulus, phase] of terms) {
          const at = phase - omega * (k + 1 - mean), after = at - omega * number;
          const [real, imaginary] = [Math.cos(at) - rest * Math.cos(after), Math.sin(at) - rest * Math.sin(after)];
          const [c, s] = [1 - Math.exp(-tilt) * Math.cos(omega), Math.exp(-tilt) * Math.sin(omega)];
          sums += (2 * modulus * (real * c + imaginary * s)) / (c * c + s * s);
        }
        return (sums / size) * Math.exp(Math.min(logMoment - tilt * (k + 1), 700));
      };
      return { logMoment, mean, tail };
    }

    quantile(delta) {
      const share = (delta / this.sides) * (1 + 1e-12);
      const excess = (t) => this.logMoment(t) - t * this.n * this.shares(t)[1] - Math.log(share);
      const tilt = share > 0.5 ? MIN_TILT : tiltWhere(excess, MIN_TILT, 300);
      const { logMoment, mean, tail } = this.tilted(tilt);
      const trusted = (logMoment - Math.log(share) - LOG_EXCESS) / tilt - 1;
      let [low, high] = [-1, Math.min(this.largest, Math.ceil(mean) + 1)];
      if (tail(high) > share) high = this.largest;
      while (high - low > 1) {
        const middle = Math.floor(0.5 * (low + high));
        if (middle >= trusted && tail(middle) <= share) high = middle;
        else low = middle;
      }
      return { value: high, error: 0 };
    }
  }

  // What each quantity is that has answers here, as in quantities.py: whether it counts neurons, the term of a pair in which one neuron
  // crosses by the full radius, the quantity whose supremum over the ball is its own, and the printed factor.
  const QUANTITIES = {
    linearization_error: { step: (s) => 1 - s, moments: [1 / 2, 1 / 3], supremum: "linearization_error", printed: (alpha, x) => alpha * (1 + x) },
    sign_change_fraction: { fraction: true, step: () => 1, supremum: "band_fraction", printed: () => 1 },
    delta1: { step: (s) => s, moments: [1 / 2, 1 / 3], supremum: "delta1", printed: (alpha) => alpha },
    delta2: { step: () => 1, supremum: "delta2", printed: (alpha, x) => alpha * x },
    band_fraction: { fraction: true, supremum: "band_fraction", printed: () => 1 },
  };
  const SHARES = { adversarial: 1, aligned: 0.5 }; // pairs of the band with one neuron that crosses by the full radius
  const LAWS = [...Object.keys(SHARES), "sphere"];
  const unit = (quantity, m, alpha) =>
    (quantity === "band_fraction" ? 2 : QUANTITIES[quantity].fraction ? 1 : alpha) / m;

  // The exact law of a quantity in its unit; null where none is computed.
  const lawOf = cached((law, quantity, m, d, alpha) => {
    const n = m / 2, radius = alpha / Math.sqrt(m), p = positionsBelow(1, radius);
    if (quantity === "band_fraction") return new CountSum(n, [[1, p]]); // of pairs
    const constant = QUANTITIES[quantity].step(0) === QUANTITIES[quantity].step(1);
    if (law in SHARES) {
      if (constant) return new CountSum(n, [[1, SHARES[law] * p]]);
      if (radius > MAX_RADIUS) return null;
      const falling = quantity === "linearization_error";
      return new TermSum(n, new Density(panels(1), (angle) => {
        const s = falling ? 2 * Math.sin(0.5 * (Math.PI / 2 - angle)) ** 2 : Math.sin(angle);
        return SHARES[law] * Math.cos(angle) * position(s, radius);
      }), 1);
    }
    if (quantity === "sign_change_fraction") {
      const { tail } = coordinate(d);
      return new CountSum(n, [
        [1, bandIntegral((s) => 2 * tail(s) * (1 - tail(s)), radius)],
        [2, bandIntegral((s) => tail(s) ** 2, radius)],
      ]);
    }
    if (quantity === "delta2" && d === 1) return new CountSum(n, [[1, p / 4], [-1, p / 4]], 2);
    return radius > MAX_RADIUS ? null : new TermSum(n, randomDirection(quantity, d, radius), 2);
  }, 64);
  const quantileOf = cached((law, quantity, m, d, alpha, delta) => {
    const exact = lawOf(law, quantity, m, d, alpha);
    if (!exact) return null;
    const { value, error } = exact.quantile(delta);
    return error <= TARGET ? value * unit(quantity, m, alpha) : null;
  }, 256);

  // E[X | s] and E[X² | s] for the term X of a pair at s, as in theory/moments.py; `cancels` where E[X] = 0.
  const termOf = (law, quantity, d) => {
    const { step } = QUANTITIES[quantity];
    if (quantity === "band_fraction") return { first: () => 1, second: () => 1 }; // in pairs
    if (law in SHARES) return { first: (s) => SHARES[law] * step(s), second: (s) => SHARES[law] * step(s) ** 2 };
    const { tail, mean, second } = coordinate(d);
    if (quantity === "sign_change_fraction") {
      return { first: (s) => 2 * tail(s), second: (s) => 2 * (tail(s) + tail(s) ** 2) };
    }
    const [one, two] = {
      linearization_error: [(s) => mean(s) - s * tail(s), (s) => second(s) - 2 * s * mean(s) + s * s * tail(s)],
      delta1: [(s) => s * tail(s), (s) => s * s * tail(s)],
      delta2: [mean, second],
    }[quantity];
    return { first: () => 0, second: (s) => 2 * (two(s) - one(s) ** 2), cancels: true };
  };
  // Mean and root mean square, the exponent k of their decay m^{-k}, and the limits of m^k times both. The mean is
  // null where the terms cancel at finite m.
  const momentsOf = cached((law, quantity, m, d, alpha) => {
    const { first, second, cancels } = termOf(law, quantity, d);
    const radius = alpha / Math.sqrt(m), n = m / 2, of = unit(quantity, m, alpha), atOne = unit(quantity, 1, alpha);
    const [one, two] = [first, second].map((g) => bandIntegral(g, radius));
    const [flatOne, flatTwo] = [first, second].map((g) => bandIntegral(g, 1e-12) / (2e-12 * PHI0));
    const limit = atOne * (cancels ? Math.sqrt(alpha * PHI0 * flatTwo) : alpha * PHI0 * flatOne);
    return {
      mean: cancels ? null : of * n * one,
      rms: of * Math.sqrt(n * (two - one * one) + (n * one) ** 2),
      exponent: cancels ? 0.75 : 0.5,
      mean_limit: cancels ? limit * Math.sqrt(2 / Math.PI) : limit,
      rms_limit: limit,
    };
  }, 64);

  // The ladder of bounds at level 1 - δ, uniform over the ball, as in theory/bounds.py; null where not computed.
  const boundsOf = (quantity, m, alpha, delta, x) => {
    const { fraction, printed, supremum, moments: [first, second] = [1, 1] } = QUANTITIES[quantity];
    const level = Math.sqrt(-Math.log(delta)), factor = fraction ? 1 : 0.5 * alpha * x;
    const expected = PHI0 * alpha * Math.sqrt(m); // pairs in the band
    const pairs = first * expected + Math.sqrt(2 * second * expected) * level + level ** 2 / 3;
    const exact = () => quantileOf("adversarial", supremum, m, 1, alpha, delta);
    return {
      printed: (printed(alpha, x) * (alpha * x + level)) / Math.sqrt(m),
      sharp: (factor * (Math.sqrt(2 / Math.PI) * alpha + level)) / Math.sqrt(m),
      binomial: factor * quantileOf("adversarial", "band_fraction", m, 1, alpha, delta),
      bernstein: (factor * 2 * pairs) / m,
      exact: () => exact() && exact() * (fraction ? 1 : x),
    };
  };

  // All that is known of a quantity without a run, at ‖x‖ = x_norm. The exact quantiles are functions: they take
  // longer than all else. Laws along x and the band are the same in every dimension, and so computed once. Nothing
  // of a law or a quantity that is not in the lists above.
  const parts = ({ quantity, law, m, d, alpha, delta, x_norm: x }) => {
    if (!LAWS.includes(law) || !(quantity in QUANTITIES)) return {};
    const scale = QUANTITIES[quantity].fraction ? 1 : x;
    const along = law in SHARES || quantity === "band_fraction" ? 1 : d;
    const moments = Object.entries(momentsOf(law, quantity, m, along, alpha)).map(([name, value]) =>
      [name, name === "exponent" || value === null ? value : scale * value]);
    const scaled = (value) => value && scale * value;
    return {
      exact_quantile: () => scaled(quantileOf(law, quantity, m, along, alpha, delta)),
      ...boundsOf(quantity, m, alpha, delta, x),
      ...Object.fromEntries(moments),
    };
  };
  return { parts, laws: LAWS, maxRadius: MAX_RADIUS };
})();
