"""Bernstein's inequality for a sum of independent terms: the one form that all bounds with it use.

Boucheron, Lugosi and Massart (2013), *Concentration Inequalities*, Theorem 2.10 and Corollary 2.11.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def bernstein_quantile(mean: Any, variance: Any, level: Any, largest: Any = 1.0) -> Any:
    """mean + √(2·variance) L + largest·L²/3: the sum exceeds it with probability at most e^{-L²}; broadcasts.

    `mean` and `variance` are at least the sums of the terms' means and second moments, `largest` is at least
    every term, which is not negative, and `level` is L = √log(1/δ).
    """
    return mean + np.sqrt(2.0 * variance) * level + largest * level**2 / 3.0
