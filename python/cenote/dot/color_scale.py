"""Colors for numbers: a few scales from one color to another, and Matplotlib's where it is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

# From the least value to the greatest, at equal distances. Plasma and viridis are by van der Walt and Smith (CC0), the
# others by Brewer.
_SCALES = {
    "plasma": "0d0887 41049d 6a00a8 8f0da4 b12a90 cc4778 e16462 f2844b fca636 fcce25 f0f921",
    "viridis": "440154 482475 414487 355f8d 2a788e 21918c 22a884 44bf70 7ad151 bddf26 fde725",
    "RdBu": "67001f b2182b d6604d f4a582 fddbc7 f7f7f7 d1e5f0 92c5de 4393c3 2166ac 053061",
    "Blues": "f7fbff deebf7 c6dbef 9ecae1 6baed6 4292c6 2171b5 08519c 08306b",
    "Greys": "ffffff f0f0f0 d9d9d9 bdbdbd 969696 737373 525252 252525 000000",
}


def color_scale(cmap: Any = None) -> Callable[[float], str]:
    """A function from a number between 0 and 1 to a color, ``#rrggbb``.

    Parameters
    ----------
    cmap : str or callable, optional
        The name of a scale, with ``_r`` behind it for its reverse, or a Matplotlib colormap. The names known without
        Matplotlib are plasma (the default), viridis, RdBu, Blues and Greys.

    Raises
    ------
    ValueError
        If no scale has that name.

    Examples
    --------
    >>> color_scale("plasma")(0.0), color_scale("plasma_r")(0.0)
    ('#0d0887', '#f0f921')
    """
    if cmap is None:
        cmap = "plasma"
    if callable(cmap):
        return lambda part: _from_matplotlib(cmap, part)
    name = str(cmap)
    known = _SCALES.get(name.removesuffix("_r"))
    if known is None:
        return color_scale(_matplotlib_scale(name))
    stops = [tuple(bytes.fromhex(stop)) for stop in known.split()]
    if name.endswith("_r"):
        stops.reverse()
    return lambda part: _between(stops, part)


def _between(stops: list[tuple[int, ...]], part: float) -> str:
    position = min(max(part, 0.0), 1.0) * (len(stops) - 1)
    index = min(int(position), len(stops) - 2)
    rest = position - index
    mixed = (round(a + (b - a) * rest) for a, b in zip(stops[index], stops[index + 1], strict=True))
    return "#" + bytes(mixed).hex()


def _from_matplotlib(cmap: Callable[..., Any], part: float) -> str:
    red, green, blue, *_ = cmap(part, bytes=True)
    return "#" + bytes((int(red), int(green), int(blue))).hex()


def _matplotlib_scale(name: str) -> Callable[..., Any]:
    known = ", ".join(sorted(_SCALES))
    try:
        from matplotlib import colormaps
    except ImportError:
        raise ValueError(f"unknown color scale '{name}': choose from {known}, or install matplotlib") from None
    try:
        scale: Callable[..., Any] = colormaps[name]
    except KeyError:
        raise ValueError(f"unknown color scale '{name}': choose from {known} or Matplotlib's") from None
    return scale
