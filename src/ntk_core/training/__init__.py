"""Gradient descent on real data beside its linear twin: does training stay in the ball of Theorem 1?

| file | goes in | comes out |
| --- | --- | --- |
| `spec.py` | keys of the config | a trained experiment: what its runs are, what they cost |
| `data.py` | its data set | training and held-out inputs of length 1, targets |
| `descent.py` | width, seed | the quantities of one run along training |
| `runs.py` | seeds of a width | a shard; shards: `runs.nc` |
| `limit.py` | the data | what m → ∞ makes of a run: displacements and the four quantities |
| `analysis.py` | `runs.nc` | `quantiles.nc` and `rates.nc` |
| `answer.py` | these two | the answer in numbers |

Apart from the grids of `grid.py`, because a displacement is not drawn here but trained: the runs have
times and held-out inputs, and their α is measured.
"""

from .spec import Training

__all__ = ["Training"]
