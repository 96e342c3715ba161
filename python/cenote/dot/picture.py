"""A picture of a graph: shown in a notebook as SVG, and written to a file as SVG, PNG, PDF or DOT."""

from __future__ import annotations

import os
from typing import Any

from cenote._native import Drawing

FORMATS = ("svg", "png", "pdf", "dot")


class Picture:
    """A drawn graph. A notebook shows it as SVG.

    Parameters
    ----------
    drawing : Drawing
        The nodes and edges.
    format : str
        The format of :attr:`data`.
    filename : str, optional
        Where it was written, if it was.

    Examples
    --------
    >>> from cenote.dot import dot_graph
    >>> picture = dot_graph({"x": 1, "y": (abs, "x")}, filename=None, format="svg")
    >>> picture.size[0] < picture.size[1]
    True
    >>> picture.svg().startswith("<svg")
    True
    """

    __slots__ = ("_drawing", "filename", "format")

    def __init__(self, drawing: Drawing, format: str = "svg", filename: str | None = None) -> None:
        self._drawing = drawing
        self.format = format
        self.filename = filename

    @property
    def size(self) -> tuple[float, float]:
        """Width and height in pixels."""
        return self._drawing.size

    @property
    def data(self) -> str | bytes:
        """The picture in its own format: text for SVG and DOT, bytes for PNG and PDF."""
        if self.format == "png":
            return self.png()
        if self.format == "pdf":
            return self.pdf()
        return self.dot() if self.format == "dot" else self.svg()

    def svg(self) -> str:
        """The picture as SVG."""
        return self._drawing.svg()

    def dot(self) -> str:
        """The graph in the DOT language, for Graphviz and its like."""
        return self._drawing.dot()

    def png(self, scale: float = 2.0) -> bytes:
        """The picture as PNG.

        Parameters
        ----------
        scale : float
            Dots per pixel; less is taken where the image would have more than 100 million.
        """
        return self._drawing.png(scale)

    def pdf(self) -> bytes:
        """The picture as a PDF of one page, with text that can be searched."""
        return self._drawing.pdf()

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"image/svg+xml": self.svg(), "text/plain": repr(self)}

    def __repr__(self) -> str:
        width, height = self.size
        return f"<Picture {width:.0f} x {height:.0f}, {self.filename or self.format}>"


def save(drawing: Drawing, filename: str | os.PathLike[str] | None, format: str | None) -> Picture:
    """Write a drawing to a file, unless `filename` is None.

    Parameters
    ----------
    drawing : Drawing
        The drawing.
    filename : str, path or None
        Where to. Its ending gives the format; without one that is known, the format's own is added.
    format : str or None
        One of :data:`FORMATS`. If neither this nor the name says anything: PNG for a file, SVG without one.

    Raises
    ------
    ValueError
        If the format is none of ours.
    OSError
        If the file cannot be written.
    """
    name = None if filename is None else os.fspath(filename)
    format, target = _target(name, format)
    picture = Picture(drawing, format, target)
    if target is not None:
        data = picture.data
        with open(target, "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
    return picture


def _target(name: str | None, format: str | None) -> tuple[str, str | None]:
    """The format, and the whole name of the file."""
    ending = os.path.splitext(name)[1].lower().removeprefix(".") if name else ""
    if format is None:
        format = "svg" if name is None else ending if ending in {*FORMATS, "jpg", "jpeg"} else "png"
    format = str(format).lower().removeprefix(".")
    if format not in FORMATS:
        raise ValueError(f"unknown format '{format}': choose from {', '.join(FORMATS)}")
    if name is None or ending == format:
        return format, name
    return format, f"{name}.{format}"
