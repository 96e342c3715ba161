"""Negative controls: replacements that are wrong or that cheat, with which the harness must fail."""
