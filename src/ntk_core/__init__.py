"""ntk_core: how far a wide ReLU network strays from its linearization, run by run."""

__version__ = "0.1.0"
