"""Each statement in a sentence without formulas."""

from __future__ import annotations

PLAIN_WORDS = {
    "L1.1": "The slope that is used at the kink of a neuron is a legitimate one.",
    "L1.2": "The network equals its own gradient times its weights.",
    "L2": "A network started in mirrored pairs has output zero.",
    "L3": "What the network computes is its linearization and one remainder.",
    "R1": "The scaling by the root of the width is what makes the error small.",
    "T1": "While no weight moves far, the network stays within this distance of its linearization.",
    "T1.rate": "Four times the width halves the error.",
    "D": "The remainder is the sum of two parts.",
    "S": "Only neurons near their kink can switch on or off.",
    "L4.Δ1": "The first part of the remainder is small: of order 1/√m.",
    "L4.Δ2": "The second part of the remainder is small: of order 1/√m.",
    "A1": "Few neurons start near their kink.",
    "AC": "A random weight is rarely almost orthogonal to the input.",
    "H": "The share of neurons near their kink is close to what is expected.",
    "LT": "Gradient descent keeps the weights in the ball that the theorem needs.",
    "N1": "The error has the best constant over the root of the width, and further terms fall faster.",
    "N2": "The same holds for all radii at once, so also at the radius that training reaches.",
    "N3": "The next term of the largest error is known too, with limits for the rest.",
    "N4": "If only the sum of all squared moves is bounded, the error falls far more slowly.",
    "N5": "What makes the rate is that no single neuron moves far.",
    "N6": "Training moves a network away from its linearization at the rate of the theorem, and this fast.",
    "N7": "The tangent kernel changes by a constant over the root of the width, the same at any angle.",
    "N8": "A leaky activation multiplies every error by one factor.",
    "N9": "The worst of all inputs of the sphere has the same limit as one input.",
}
"""By the id of the statement."""
