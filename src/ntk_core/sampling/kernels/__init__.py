"""Compiled inner loops: random words in bulk, draws from them, and sums over the neurons of a run.

| file | input | output |
| --- | --- | --- |
| `words.py` | a seed | a stream of 64-bit words |
| `ziggurat.py` | words | standard normals, and coordinates of random unit vectors in d ≥ 4 |
| `counts.py` | words | pairs in the band of each run, and halves of them by fair coins |
| `position.py` | words, radius | where in the band pre-activations lie |
| `direction.py` | words, d | projections of random displacements |
| `flips.py` | both, pairs of each run | sums over the sign changes of each run |
| `descent.py` | inputs, targets, weights | the weights after steps of gradient descent, and sums over them |
| `bins.py` | | numbers of the format of aggregates |
| `aggregate.py` | values of runs | their bins, exact sums of powers, and counts over thresholds |
| `sorting.py` | values of runs | the same in ascending order |
| `neurons.py` | weights, displacements, signs | the definitions, neuron by neuron, in one pass |

They are separate from the mathematics because Numba compiles them (`ntk_core.compiling`, cached on disk) and
because only drawing should wait for their import. No kernel reorders floating-point operations, so the same
words give the same bits on any vector units. They copy in loops, as an array assigned to a slice brings the
text of an error with it that takes longer to compile than they do.
"""
