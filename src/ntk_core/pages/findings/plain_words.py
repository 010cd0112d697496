"""Each statement in a sentence without formulas."""

from __future__ import annotations

PLAIN_WORDS = {
    "L1.1": "The slope that is used at the kink of a neuron is a legitimate one.",
    "L1.2": "The network equals its own gradient times its weights.",
    "L2": "A network started in mirrored pairs has output zero.",
    "L3": "What the network computes is its linearization and one remainder.",
    "R1": "The scaling by the root of the width is what makes the error small.",
    "T1": "While no neuron's weights move far, the network stays within this distance of its linearization.",
    "T1.rate": "Four times the width halves the largest error.",
    "D": "The remainder is the sum of two parts.",
    "S": "Only neurons near their kink can switch on or off.",
    "L4.Δ1": "The first part of the remainder stays below the printed bound, for inputs of any length.",
    "L4.Δ2": "The second part of the remainder stays below the printed bound, for inputs of any length.",
    "A1": "The share of neurons near their kink stays below the printed bound, for inputs of any length.",
    "AC": "A random weight is rarely almost orthogonal to the input.",
    "H": "The share of neurons near their kink is close to what is expected.",
    "LT": "A fixed number of steps of gradient descent keeps the weights in the ball that the theorem needs.",
    "N1": "The bound has the best possible constant over the root of the width; other terms fall faster.",
    "N2": "The same holds for all radii at once, so also at the radius that training reaches.",
    "N3": "The next term of the largest error is known too, with limits for the rest.",
    "N4": "If only the sum of all squared moves is bounded, the error falls far more slowly.",
    "N5": "The rate comes from a limit on the move of each single neuron.",
    "N6": "Training leaves the linearization at the rate of the theorem, with a computed constant.",
    "N7": "The tangent kernel of two inputs changes by a share that falls with the root of the width.",
    "N8": "A leaky activation multiplies every error by one factor.",
    "N9": "The worst of all inputs of the sphere has the same limit as one input.",
}
"""By the id of the statement."""
