"""Every setting: its name, its value if nobody sets it, and what it means.

The names are Dask's wherever Dask has the same setting. The page of the manual that lists settings is made from this
table.
"""

from __future__ import annotations

from typing import Any, NamedTuple

UNSET: Any = object()
"""The default of a setting that is absent unless somebody sets it."""


class Setting(NamedTuple):
    """One row of the table of settings."""

    name: str
    default: Any
    meaning: str


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "scheduler", UNSET, "how graphs run: `threads`, `sync`, `processes`, a function, an executor; none: automatic"
    ),
    Setting("num_workers", UNSET, "threads of the local engine; none: the CPUs that this process may use"),
    Setting("pool", UNSET, "the executor whose threads run tasks; none: Cenote's own"),
    Setting("chunksize", UNSET, "tasks a job where callbacks watch each task; -1: all ready ones, spread over workers"),
    Setting("cache", UNSET, "a mapping of results that are known already, by key"),
    Setting("temporary-directory", None, "folder for temporary files; none: the system's"),
    Setting("delayed_pure", False, "whether calls of `delayed` functions are pure unless they say otherwise"),
    Setting(
        "delayed_optimize", UNSET, "function in place of what optimizes graphs of `delayed`; false: they run as built"
    ),
    Setting("rerun_exceptions_locally", UNSET, "run a failed task again in the calling thread, for debuggers"),
    Setting("tokenize.ensure-deterministic", False, "raise instead of giving a random token to what cannot be hashed"),
    Setting("visualization.engine", None, "who draws graphs; none: Cenote itself"),
    Setting("optimization.annotations.fuse", True, "fuse annotations of layers that are fused"),
    Setting("optimization.fuse.active", None, "whether linear chains are fused; none: each collection decides"),
    Setting("optimization.fuse.ave-width", 1, "upper limit of the average width of a fused subgraph"),
    Setting("optimization.fuse.max-width", None, "upper limit of its width; none: 1.5 + w * log(w + 1) of the average"),
    Setting("optimization.fuse.max-height", float("inf"), "upper limit of its height"),
    Setting(
        "optimization.fuse.max-depth-new-edges", None, "how deep edges may be added; none: 1.5 * the average width"
    ),
    Setting("optimization.fuse.rename-keys", True, "rename fused keys after all the keys they contain"),
    Setting("optimization.fuse.delayed", False, "whether graphs of `delayed` are fused"),
    Setting("admin.async-client-fallback", None, "the scheduler to use in place of a client that is asynchronous"),
    Setting(
        "admin.traceback.shorten",
        [r"cenote[\\\/]", r"concurrent[\\\/]futures[\\\/]"],
        "files whose frames are left out of tracebacks",
    ),
)

RENAMED: dict[str, str | None] = {
    "fuse-ave-width": "optimization.fuse.ave-width",
    "fuse-max-height": "optimization.fuse.max-height",
    "fuse-max-width": "optimization.fuse.max-width",
    "fuse-rename-keys": "optimization.fuse.rename-keys",
    "fuse-max-depth-new-edges": "optimization.fuse.max-depth-new-edges",
    "admin.traceback.shorten.what": "admin.traceback.shorten",
}
"""Former names of settings, spelled with hyphens, and the names that took their place (none: removed)."""


def defaults() -> dict[str, Any]:
    """Return the default of every setting as nested dictionaries.

    Settings that are absent unless set are left out.

    Examples
    --------
    >>> defaults()["tokenize"]
    {'ensure-deterministic': False}
    """
    result: dict[str, Any] = {}
    for setting in SETTINGS:
        if setting.default is UNSET:
            continue
        *groups, leaf = setting.name.split(".")
        place = result
        for group in groups:
            place = place.setdefault(group, {})
        place[leaf] = setting.default
    return result
