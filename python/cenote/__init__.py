"""Cenote: a compute pool for Python functions."""

from cenote._native import __version__

__all__ = ["__version__"]
