"""Cenote's Rust, spoken to from Python."""

from collections.abc import Mapping
from typing import Any

__version__: str

def dependencies(dsk: Mapping[Any, Any], /) -> dict[Any, list[Any]]: ...
def order(dsk: Mapping[Any, Any], *, return_paths: bool = False) -> dict[Any, Any]: ...
