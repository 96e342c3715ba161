"""Colors that show what the static order does with a graph: when tasks run, and what is held meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cenote.dot.color_scale import color_scale

_SCALE_STEPS = 42

MEASURES = ("order", "age", "freed", "memoryincreases", "memorydecreases", "memorypressure", "critical")

_TITLES = {
    "order": "order",
    "age": "age: steps that the data is held",
    "freed": "dependencies freed by the task",
    "memoryincreases": "more data held at the end than at the start",
    "memorydecreases": "less data held at the end than at the start",
    "memorypressure": "data held when run (circle), released (box)",
    "critical": "critical path",
}


class Coloring(NamedTuple):
    """The colors of a graph.

    Attributes
    ----------
    functions, data : dict
        For each key the attributes of its circle and of its box.
    legend : tuple
        The title, the least and the greatest value, and the colors between them.
    values : dict
        The value of each key.
    attributes : callable
        The attributes that a value gives.
    """

    functions: dict[Any, dict[str, str]]
    data: dict[Any, dict[str, str]]
    legend: tuple[str, str, str, list[str]]
    values: dict[Any, float]
    attributes: Callable[[float], dict[str, str]]


def coloring(
    graph: Mapping[Any, Any],
    color: str,
    order: Mapping[Any, Any] | None = None,
    cmap: Any = None,
    maxval: float | None = None,
) -> Coloring:
    """Color a graph by a measure of its static order.

    Parameters
    ----------
    graph : mapping
        The graph.
    color : str
        One of :data:`MEASURES`, or ``"order-"`` and one of them: labels then show both numbers.
    order : mapping, optional
        The priority of each key, instead of :func:`cenote.order.order`'s.
    cmap : str or callable, optional
        The color scale; see :func:`cenote.dot.color_scale.color_scale`.
    maxval : float, optional
        The value that has the last color; the greatest that occurs, if not given.

    Raises
    ------
    NotImplementedError
        If nothing is known by the name `color`.
    """
    measure = {"cpath": "critical", "ages": "age"}.get(name := color.removeprefix("order-"), name)
    if measure not in MEASURES:
        choices = ", ".join(MEASURES)
        raise NotImplementedError(f"Unknown value color={color}: choose from {choices}, or 'order-' and one of them")
    priorities, values, released = _measured(graph, measure, order)
    greatest = maxval if maxval is not None else max([1, *values.values(), *released.values()])
    paint = color_scale(cmap)
    both = color.startswith("order-") and measure != "order"

    def attributes(value: float) -> dict[str, str]:
        tint = paint(value / greatest if greatest else 0.0)
        return {"color": tint, "fillcolor": tint, "style": "filled", "fontcolor": _ink(tint)}

    functions = {
        key: {**attributes(value), "value": f"{priorities[key]}-{_number(value)}" if both else _number(value)}
        for key, value in values.items()
    }
    data = {key: attributes(released.get(key, value)) for key, value in values.items()}
    steps = [paint(step / (_SCALE_STEPS - 1)) for step in range(_SCALE_STEPS)]
    legend = (_TITLES[measure], "0", _number(greatest), steps)
    return Coloring(functions, data, legend, values, attributes)


def _measured(
    graph: Mapping[Any, Any], measure: str, order: Mapping[Any, Any] | None
) -> tuple[dict[Any, Any], dict[Any, float], dict[Any, float]]:
    """The priority of each key, its value, and its value as data where that is another."""
    from cenote import order as ordering

    stats: dict[Any, Any]
    if order is None:
        stats = ordering.order(graph, return_stats=True)
    elif all(isinstance(priority, int | float) for priority in order.values()):
        stats = ordering.order(graph, return_stats=True) if measure == "critical" else dict(order)
    else:
        stats = dict(order)
    priorities: dict[Any, Any] = {key: getattr(stat, "priority", stat) for key, stat in stats.items()}
    if order is not None:
        priorities.update({key: getattr(stat, "priority", stat) for key, stat in order.items()})
    if measure == "order":
        return priorities, dict(priorities), {}
    if measure == "critical":
        return priorities, {key: stat.critical_path for key, stat in stats.items()}, {}
    info = ordering.diagnostics(graph, priorities)[0]
    read = _MEASURED[measure]
    released: dict[Any, float] = {}
    if measure == "memorypressure":
        released = {key: row.num_data_when_released for key, row in info.items()}
    return priorities, {key: read(row) for key, row in info.items()}, released


_MEASURED: dict[str, Callable[[Any], float]] = {
    "age": lambda row: row.age,
    "freed": lambda row: row.num_dependencies_freed,
    "memorypressure": lambda row: row.num_data_when_run,
    "memoryincreases": lambda row: max(0, row.num_data_when_released - row.num_data_when_run),
    "memorydecreases": lambda row: max(0, row.num_data_when_run - row.num_data_when_released),
}


def _number(value: float) -> str:
    return f"{value:g}"


def _ink(tint: str) -> str:
    """Black or white, whichever can be read on a color."""
    red, green, blue = bytes.fromhex(tint[1:])
    return "#000000" if 299 * red + 587 * green + 114 * blue > 140_000 else "#ffffff"
