"""A benchmark of training methods for energy-based models (EBMs), in JAX."""

__version__ = "0.1.0"
