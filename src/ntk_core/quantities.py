"""The stored quantities: one record each, with its definition and all that other modules need.

A run is determined by the neurons of the band B = {|w_i(0)·x| ≤ r‖x‖}, because only they can change sign.
K ~ Binomial(m/2, p_r) pairs lie in it, p_r = P(|z| ≤ r), z ~ N(0, 1). A pair has one neuron with c = +1 and
one with c = -1 at the same pre-activation a. In the band everything is in units of the radius: positions
|a|/(r‖x‖) and projected displacements |u·x|/(r‖x‖), both in [0, 1].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import network
from .network import Array


@dataclass(frozen=True)
class FlipSums:
    """Sums over the sign changes S(x) of each run; every field has shape `(runs,)`.

    `count` is |S|, `position` is Σ_{i∈S} c_i |a_i|/(r‖x‖), `projection` is Σ_{i∈S} c_i |b_i|/(r‖x‖). `pairs`
    is half of |B|, where it depends on the displacement.
    """

    count: Array
    position: Array
    projection: Array
    pairs: NDArray[np.int64] | None = None


@dataclass(frozen=True)
class NeuronSums:
    """Sums over all m neurons of each run, from the kernels; all fields have one shape, `(…)`.

    `value` is f(w), `linear` √m ∇F(w(0))ᵀu, `delta1` √m Δ₁, `delta2` √m Δ₂, `flips` |S| and `band` |B|.
    """

    value: Array
    linear: Array
    delta1: Array
    delta2: Array
    flips: Array
    band: Array


FLIP_SUMS = len(fields(FlipSums)) - 1
"""How many sums over the sign changes the samplers add up: `FlipSums` without `pairs`."""

NEURON_SUMS = len(fields(NeuronSums))
"""How many sums over all neurons the kernels make."""


class Step(Enum):
    """Contribution of a pair, in units of a neuron, when one at position s crosses by the radius."""

    CONSTANT = "1"
    FALLING = "1 - s"
    RISING = "s"

    def __call__(self, s: Array) -> Array:
        """The value at positions s in (0, 1), elementwise."""
        return {Step.CONSTANT: 1.0 + 0.0 * s, Step.FALLING: 1.0 - s, Step.RISING: s}[self]

    @property
    def moments(self) -> tuple[float, float]:
        """Integrals over s in (0, 1) of the contribution and of its square."""
        return (1.0, 1.0) if self is Step.CONSTANT else (1.0 / 2.0, 1.0 / 3.0)


@dataclass(frozen=True)
class Quantity:
    """A stored quantity of a run.

    `name` is that of its variable, `symbol` is TeX, `text` and `ascii` the same in plain characters,
    `long_name` describes it in files, `words` in sentences. A `fraction` counts neurons and does not depend
    on ‖x‖; any other quantity is proportional to ‖x‖. `supremum` is the quantity whose value under the
    adversarial law is the supremum of this one over the ball, if there is one.

    `definition(x, w0, c, u, radius)` is that of the notes, for one network. `from_neurons(sums, scale, m)`
    takes sums over all neurons and 1/√m. `from_band(flips, pairs, unit, m)` takes sums over the flips, the
    pairs in the band and the largest contribution of one neuron (`unit`).

    From theory, or None: `full_step` is the contribution of a pair in that unit when one of its neurons
    crosses its kink by the full radius. `printed(alpha, x_norm)` is the factor of (α‖x‖ + √log(1/δ))/√m in
    the bound of the notes. `from_band_fraction(fraction, alpha, x_norm)` is the bound that follows from
    one on |B|/m.
    """

    name: str
    symbol: str
    text: str
    ascii: str
    words: str
    long_name: str
    fraction: bool
    supremum: str | None
    definition: Callable[[Array, Array, Array, Array, float], Any]
    from_neurons: Callable[[NeuronSums, float, int], Array]
    from_band: Callable[[FlipSums, NDArray[np.int64], float, int], Array]
    full_step: Step | None = None
    printed: Callable[[Any, Any], Any] | None = None
    from_band_fraction: Callable[[Array, Any, Any], Any] | None = None

    def unit(self, m: Any, alpha: Any) -> Any:
        """Largest contribution of one neuron at ‖x‖ = 1: 1/m to a fraction, α/m to E, |Δ₁| and |Δ₂|."""
        return 1.0 / m if self.fraction else alpha / m

    def at_norm(self, x_norm: Any) -> Any:
        """Factor from the value at ‖x‖ = 1 to that at another norm of the input."""
        return np.ones_like(x_norm) if self.fraction else x_norm


def _half_of_the_band(fraction: Array, alpha: Any, x_norm: Any) -> Any:
    """E, |Δ₁|, |Δ₂| ≤ ½ α‖x‖ |B|/m, because only one neuron of a pair can add to the sum."""
    return 0.5 * alpha * x_norm * fraction


QUANTITIES: dict[str, Quantity] = {
    quantity.name: quantity
    for quantity in (
        Quantity(
            name="linearization_error",
            symbol="E",
            text="E",
            ascii="E",
            words="linearization error",
            long_name="linearization error E = |F(x;w) - grad F(x;w(0))^T (w - w(0))|",
            fraction=False,
            supremum="linearization_error",
            definition=lambda x, w0, c, u, radius: network.linearization_error(x, w0, c, u),
            from_neurons=lambda sums, scale, m: np.abs(sums.value - sums.linear) * scale,
            from_band=lambda flips, pairs, unit, m: unit * np.abs(flips.projection - flips.position),
            full_step=Step.FALLING,
            printed=lambda alpha, x_norm: alpha * (1.0 + x_norm),
            from_band_fraction=_half_of_the_band,
        ),
        Quantity(
            name="sign_change_fraction",
            symbol="|S(x)|/m",
            text="|S(x)|/m",
            ascii="|S|/m",
            words="share of neurons that change sign",
            long_name="fraction of neurons that change sign, |S(x)|/m",
            fraction=True,
            supremum="band_fraction",
            definition=lambda x, w0, c, u, radius: np.mean(network.sign_changes(x, w0, u)),
            from_neurons=lambda sums, scale, m: sums.flips / m,
            from_band=lambda flips, pairs, unit, m: flips.count / m,
            full_step=Step.CONSTANT,
            printed=lambda alpha, x_norm: 1.0,
            from_band_fraction=lambda fraction, alpha, x_norm: fraction + 0.0 * x_norm,
        ),
        Quantity(
            name="delta1",
            symbol=r"|\Delta_1|",
            text="|Δ₁|",
            ascii="|Delta1|",
            words="change of the gradient along w(0)",
            long_name="|Delta_1|, Delta_1 = [grad F(w) - grad F(w(0))]^T w(0)",
            fraction=False,
            supremum="delta1",
            definition=lambda x, w0, c, u, radius: np.abs(network.signed_delta1(x, w0, c, u)),
            from_neurons=lambda sums, scale, m: np.abs(sums.delta1) * scale,
            from_band=lambda flips, pairs, unit, m: unit * np.abs(flips.position),
            full_step=Step.RISING,
            printed=lambda alpha, x_norm: alpha,
            from_band_fraction=_half_of_the_band,
        ),
        Quantity(
            name="delta2",
            symbol=r"|\Delta_2|",
            text="|Δ₂|",
            ascii="|Delta2|",
            words="change of the gradient along u",
            long_name="|Delta_2|, Delta_2 = [grad F(w) - grad F(w(0))]^T u",
            fraction=False,
            supremum="delta2",
            definition=lambda x, w0, c, u, radius: np.abs(network.signed_delta2(x, w0, c, u)),
            from_neurons=lambda sums, scale, m: np.abs(sums.delta2) * scale,
            from_band=lambda flips, pairs, unit, m: unit * np.abs(flips.projection),
            full_step=Step.CONSTANT,
            printed=lambda alpha, x_norm: alpha * x_norm,
            from_band_fraction=_half_of_the_band,
        ),
        Quantity(
            name="band_fraction",
            symbol="|B|/m",
            text="|B|/m",
            ascii="|B|/m",
            words="share of neurons in the band",
            long_name="fraction of neurons in the band |w_i(0).x| <= alpha |x|/sqrt(m)",
            fraction=True,
            supremum="band_fraction",
            definition=lambda x, w0, c, u, radius: np.mean(network.band(x, w0, radius)),
            from_neurons=lambda sums, scale, m: sums.band / m,
            from_band=lambda flips, pairs, unit, m: 2.0 * pairs / m,
            printed=lambda alpha, x_norm: 1.0,
            from_band_fraction=lambda fraction, alpha, x_norm: fraction + 0.0 * x_norm,
        ),
    )
}
"""The stored quantities by name, in the order of every array that holds all of them."""


def flip_sums(a: Array, b: Array, c: Array, radius: float) -> FlipSums:
    """The sums from pre-activations a = w(0)·x, projections b = u·x and signs c, `(runs, m)` each.

    At ‖x‖ = 1 with `radius` r = α/√m. The definition; the laws' band draws are tested against it.
    """
    flipped = (a >= 0.0) != (a + b >= 0.0)
    signed = np.where(flipped, c, 0.0)
    return FlipSums(
        count=np.sum(flipped, axis=-1, dtype=np.float64),
        position=np.sum(signed * np.abs(a), axis=-1) / radius,
        projection=np.sum(signed * np.abs(b), axis=-1) / radius,
    )


def defined_quantities(x: Array, w0: Array, c: Array, u: Array, radius: float) -> Array:
    """All quantities of one network by the definitions of the notes; `(quantities,)`.

    `x` `(d,)`, `w0` and `u` `(m, d)`, `c` `(m,)`; `radius` is r = α/√m.
    """
    return np.array([quantity.definition(x, w0, c, u, radius) for quantity in QUANTITIES.values()])


def summed_quantities(m: int, sums: Array) -> Array:
    """All quantities, `(quantities, …)`, from sums over all m neurons: `NeuronSums`, as rows."""
    neurons, scale = NeuronSums(*sums), 1.0 / math.sqrt(m)
    return np.stack([quantity.from_neurons(neurons, scale, m) for quantity in QUANTITIES.values()])


def run_quantities(m: int, alpha: float, pairs: NDArray[np.int64], flips: FlipSums) -> Array:
    """All quantities of each run at ‖x‖ = 1; `(quantities, runs)`.

    From Δ₁ = -(1/√m) Σ_S c|a|, Δ₂ = (1/√m) Σ_S c|b| and E = |Δ₁ + Δ₂| (Lemmas 3 and 4); `pairs`
    is K, half the number of neurons in the band.
    """
    values = np.empty((len(QUANTITIES), pairs.size))
    for row, quantity in zip(values, QUANTITIES.values(), strict=True):
        row[:] = quantity.from_band(flips, pairs, quantity.unit(m, alpha), m)
    return values
