"""Plots of what profilers recorded, made with bokeh where it is installed."""

from __future__ import annotations

import warnings
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from importlib import import_module
from itertools import cycle
from typing import Any

from cenote.utils import funcname

_TOOLTIP = '<div><b>{label}:</b> <span style="font-family: monospace; font-size: 10px">@{column}</span></div>'


def _bokeh(module: str) -> Any:
    """Import a module of bokeh."""
    try:
        return import_module(f"bokeh.{module}")
    except ImportError as error:
        raise ImportError("plots of profilers need bokeh: `pip install bokeh`") from error


def visualize(
    profilers: Any,
    filename: str = "profile.html",
    show: bool = True,
    save: bool | None = None,
    mode: str | None = None,
    **kwargs: Any,
) -> Any:
    """Plot what profilers recorded, one below the other.

    Parameters
    ----------
    profilers : profiler or list of profilers
    filename : str
        The HTML file to write.
    show : bool
        Whether to open it in a browser, or to show it in the notebook.
    save : bool, optional
        Whether to write the file; by default unless in a notebook.
    mode : str, optional
        Where the page takes bokeh's scripts from; see `bokeh.io.output_file`.
    **kwargs
        For `bokeh.plotting.figure`, besides ``palette``, the name of a palette of bokeh, and ``label_size``, the
        longest label in characters.

    Returns
    -------
    The bokeh figure, or the grid of figures.

    Raises
    ------
    ImportError
        If bokeh is not installed.
    """
    plotting = _bokeh("plotting")
    if "file_path" in kwargs:
        warnings.warn("the file_path keyword argument is deprecated: use filename", FutureWarning, stacklevel=2)
        filename = kwargs.pop("file_path")
    if save is None:
        save = not _bokeh("io.state").curstate().notebook
    profilers = profilers if isinstance(profilers, list) else [profilers]
    figures = [profiler._plot(**kwargs) for profiler in profilers]
    plot = figures[0] if len(figures) == 1 else _stacked(figures)
    if show:
        plotting.show(plot)
    if save:
        plotting.output_file(filename, mode=mode)
        plotting.save(plot)
    return plot


def _stacked(figures: list[Any]) -> Any:
    """Put figures below each other, with one title above and one time axis below."""
    for figure in figures[1:]:
        figure.x_range = figures[0].x_range
        figure.title = None
        figure.min_border_top = 20
        figure.height -= 30
    for figure in figures[:-1]:
        figure.xaxis.axis_label = None
        figure.min_border_bottom = 20
        figure.height -= 30
    for figure in figures:
        figure.min_border_left = figure.min_border_right = 75
    return _bokeh("plotting").gridplot([[figure] for figure in figures])


def _figure(kwargs: dict[str, Any], tools: str, **ranges: Any) -> Any:
    """Make an empty figure; `kwargs` go before our own choices."""
    given = {name.removeprefix("plot_"): value for name, value in kwargs.items()}  # bokeh 2 said plot_width
    ours = {"title": "Profile Results", "tools": tools, "toolbar_location": "above", "width": 800, "height": 300}
    figure = _bokeh("plotting").figure(**{**ours, **ranges, **given})
    figure.xaxis.axis_label = "Time (s)"
    return figure


def _explain(figure: Any, **columns: str) -> None:
    """Say what lies under the pointer, if the figure has that tool: a label for each column of the data."""
    for hover in figure.select(_bokeh("models").HoverTool):
        hover.tooltips = "".join(_TOOLTIP.format(label=label, column=column) for column, label in columns.items())
        hover.point_policy = "follow_mouse"


def get_colors(palette: str, names: Iterable[Any]) -> list[str]:
    """Return a colour for each of `names`, the same for equal ones.

    Parameters
    ----------
    palette : str
        The name of one of `bokeh.palettes.all_palettes`.
    names : iterable
        Sortable. If there are more different ones than colours, colours repeat.
    """
    names = list(names)
    different = sorted(set(names))
    sizes = _bokeh("palettes").all_palettes[palette]
    known = sorted(sizes)
    colors = list(dict.fromkeys(sizes[known[min(bisect_left(known, len(different)), len(known) - 1)]]))
    if len(colors) > len(different):  # take them from the whole range
        colors = [colors[i * len(colors) // len(different)] for i in range(len(different))]
    chosen = dict(zip(different, cycle(colors), strict=False))
    return [chosen[name] for name in names]


def _function(task: Any) -> str:
    """Return the name of what a task calls."""
    func = getattr(task, "func", None)
    if func is None and isinstance(task, tuple) and task:
        func = task[0]
    return funcname(func) if callable(func) else type(task).__name__


def _short(label: Any, size: int) -> str:
    """Return a label no longer than `size`."""
    text = str(label)
    return text if len(text) <= size else f"{text[: max(0, size - 3)]}..."


def plot_tasks(
    results: Sequence[Any],
    start_time: float,
    end_time: float,
    palette: str = "Viridis",
    label_size: int = 60,
    **kwargs: Any,
) -> Any:
    """Plot the records of a `Profiler`: a row for each worker, a bar for each task.

    Parameters
    ----------
    results : sequence of TaskData
    start_time, end_time : float
        What part of time to show, in seconds.
    palette, label_size, **kwargs
        As for `visualize`.
    """
    busy: dict[Any, float] = {}
    for result in results:
        busy[result.worker_id] = busy.get(result.worker_id, 0.0) + result.end_time - result.start_time
    rows = {worker: row for row, worker in enumerate(sorted(busy, key=busy.__getitem__, reverse=True))}
    figure = _figure(
        kwargs,
        "hover,save,reset,xwheel_zoom,xpan",
        y_range=[str(row) for row in range(len(rows) or 8)],
        x_range=[0, end_time - start_time if results else 10],
    )
    if results:
        functions = [_function(result.task) for result in results]
        columns = {
            "x": [(result.start_time + result.end_time) / 2 - start_time for result in results],
            "y": [str(rows[result.worker_id]) for result in results],
            "width": [result.end_time - result.start_time for result in results],
            "key": [_short(result.key, label_size) for result in results],
            "function": functions,
            "color": get_colors(palette, functions),
        }
        source = _bokeh("plotting").ColumnDataSource(data=columns)
        figure.rect(source=source, x="x", y="y", width="width", height=1, color="color", line_color="gray")
    figure.grid.grid_line_color = None
    figure.axis.axis_line_color = None
    figure.axis.major_tick_line_color = None
    figure.yaxis.axis_label = "Worker ID"
    _explain(figure, key="Key", function="Task")
    return figure


def plot_resources(
    results: Sequence[Any],
    start_time: float,
    end_time: float,
    palette: str = "Viridis",
    label_size: int = 60,
    **kwargs: Any,
) -> Any:
    """Plot the records of a `ResourceProfiler`: a line for CPU, one for memory.

    Parameters
    ----------
    results : sequence of ResourceData
    start_time, end_time : float
        What part of time to show, in seconds.
    palette, label_size, **kwargs
        As for `visualize`.
    """
    models = _bokeh("models")
    times = [record[0] - start_time for record in results]
    memory = [record[1] for record in results]
    cpu = [record[2] for record in results]
    figure = _figure(
        kwargs,
        "save,reset,xwheel_zoom,xpan",
        y_range=(0, max([100, *cpu])),
        x_range=(0, max(1, end_time - start_time) if results else 1),
    )
    colors = _bokeh("palettes").all_palettes[palette][6]
    figure.line(times, cpu, color=colors[0], line_width=4, legend_label="% CPU")
    figure.yaxis.axis_label = "% CPU"
    lowest = min(memory, default=0)
    figure.extra_y_ranges = {"memory": models.Range1d(lowest, max([lowest + 100, *memory]))}
    figure.line(times, memory, color=colors[2], y_range_name="memory", line_width=4, legend_label="Memory")
    figure.add_layout(models.LinearAxis(y_range_name="memory", axis_label="Memory (MB)"), "right")
    return figure


def plot_cache(
    results: Sequence[Any],
    start_time: float,
    end_time: float,
    metric_name: str,
    palette: str = "Viridis",
    label_size: int = 60,
    **kwargs: Any,
) -> Any:
    """Plot the records of a `CacheProfiler`: for each function, how much of its results was alive.

    Parameters
    ----------
    results : sequence of CacheData
    start_time, end_time : float
        What part of time to show, in seconds.
    metric_name : str
        What the records measure.
    palette, label_size, **kwargs
        As for `visualize`.
    """
    ranges: dict[str, Any] = {"x_range": [0, end_time - start_time if results else 10]}
    if not results:
        ranges["y_range"] = [0, 10]
    figure = _figure(kwargs, "hover,save,reset,wheel_zoom,xpan", **ranges)
    changes: dict[str, list[tuple[float, float]]] = {}
    for result in results:
        steps = changes.setdefault(_short(_function(result.task), label_size), [])
        steps += [(result.cache_time, result.metric), (result.free_time, -result.metric)]
    for (label, steps), color in zip(changes.items(), get_colors(palette, changes), strict=True):
        times, sizes = [0.0], [0.0]
        for time, change in sorted(steps):
            # two points at each time, so that the line has steps
            times += [time - start_time] * 2
            sizes += [sizes[-1], sizes[-1] + change]
        columns = {"x": times, "y": sizes, "label": [label] * len(times)}
        source = _bokeh("plotting").ColumnDataSource(data=columns)
        figure.line("x", "y", source=source, line_color=color, line_width=3)
    figure.yaxis.axis_label = f"Cache Size ({metric_name})"
    _explain(figure, label="Task")
    return figure
