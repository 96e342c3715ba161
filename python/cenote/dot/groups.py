"""A picture with a box for each group of tasks, for graphs that are too large to be drawn task by task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from cenote._native import Drawing
from cenote.dot.grouping import Group, group_tasks
from cenote.dot.labels import distinct_labels
from cenote.dot.rows import PictureRows

if TYPE_CHECKING:
    from cenote.dot.coloring import Coloring


def draw_groups(graph: Mapping[Any, Any], colors: Coloring | None = None, **frame: Any) -> Drawing:
    """Draw a graph by groups of its tasks.

    Parameters
    ----------
    graph : mapping
        Keys and tasks.
    colors : Coloring, optional
        Colors of the tasks: a group has that of their mean.
    **frame
        What :meth:`PictureRows.drawing` takes.
    """
    groups, edges, group_of = group_tasks(graph)
    tints = _tints(colors, dict(zip(graph, group_of, strict=True)), len(groups)) if colors else [{}] * len(groups)
    rows = PictureRows()
    labels = distinct_labels(group.name for group in groups)
    for group, label, tint in zip(groups, labels, tints, strict=True):
        rows.add_node(group.name, f"{label}\n{tasks_text(group.tasks)}", "group", _tip(group), tint)
    for (start, end), count in edges.items():
        attributes = {"penwidth": f"{1.1 + min(math.log10(count), 5) * 0.45:.2f}", "tooltip": f"{count:,} edges"}
        rows.add_edge(start, end, attributes=attributes)
    return rows.drawing(**frame)


def _tints(colors: Coloring, group_of: Mapping[Any, int], groups: int) -> list[dict[str, str]]:
    """The attributes that show the mean value of each group's tasks."""
    sums, counts = [0.0] * groups, [0] * groups
    for key, value in colors.values.items():
        group = group_of[key]
        sums[group] += value
        counts[group] += 1
    return [colors.attributes(total / count) if count else {} for total, count in zip(sums, counts, strict=True)]


def tasks_text(count: int) -> str:
    """How many tasks there are, in words.

    Examples
    --------
    >>> tasks_text(1), tasks_text(12000)
    ('1 task', '12,000 tasks')
    """
    return f"{count:,} task{'' if count == 1 else 's'}"


def _tip(group: Group) -> str:
    lines = [group.name, tasks_text(group.tasks)]
    if group.functions:
        shown = ", ".join(group.functions[:6])
        lines.append(f"calls {shown}{', …' if len(group.functions) > 6 else ''}")
    if group.inner:
        lines.append(f"{group.inner:,} edges within")
    return "\n".join(lines)
