"""Cenote's Rust, spoken to from Python."""

__version__: str
