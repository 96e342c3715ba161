"""A picture with a box for each group of tasks, for graphs that are too large to be drawn task by task."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from cenote._grouping import Group, group_tasks
from cenote._labels import distinct_labels
from cenote._native import Drawing
from cenote._picture_rows import PictureRows


def draw_groups(graph: Mapping[Any, Any], **frame: Any) -> Drawing:
    """Draw a graph by groups of its tasks.

    Parameters
    ----------
    graph : mapping
        Keys and tasks.
    **frame
        What :meth:`PictureRows.drawing` takes.
    """
    groups, edges = group_tasks(graph)
    rows = PictureRows()
    for group, label in zip(groups, distinct_labels(group.name for group in groups), strict=True):
        rows.add_node(group.name, f"{label}\n{tasks_text(group.tasks)}", "group", _tip(group))
    for (start, end), count in edges.items():
        attributes = {"penwidth": f"{1.1 + min(math.log10(count), 5) * 0.45:.2f}", "tooltip": f"{count:,} edges"}
        rows.add_edge(start, end, attributes=attributes)
    return rows.drawing(**frame)


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
