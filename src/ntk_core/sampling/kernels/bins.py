"""Numbers of the format of aggregates, apart from what is compiled."""

FRACTION = 9
"""Bits of the fraction that tell bins of one octave apart: the midpoint of a bin is within 2^-10 of it."""

POWERS = 6
"""Powers that are summed: the interval of a root mean square needs the skewness of the squares."""

EXPONENTS = 2047
"""Exponents of finite float64s."""

LOW = 27
"""Bits of the lower half of a sum of a chunk: 2^36 halves add up in an int64."""
