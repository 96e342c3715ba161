"""What the harness must say of each control."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Control:
    """A replacement, the tests it runs against, and the words that the log must contain for each failure."""

    name: str
    suite: str
    environment: dict[str, str] = field(default_factory=dict)
    k: str = ""
    evidence: str = ""


CONTROLS = (
    Control(
        "an order that calls Dask's",
        "test_order",
        {"COMPAT_PACKAGE": "controls.handed_over"},
        "test_ordering_keeps_groups_together or test_avoid_broker_nodes",
        "HandedToDask: dask.order.order, called in controls.handed_over.order.order",
    ),
    Control(
        "optimizations that call Dask's",
        "test_optimization",
        {"COMPAT_PACKAGE": "controls.handed_over"},
        "test_cull or test_fuse",
        "HandedToDask: dask.optimization.fuse, called in controls.handed_over.optimization.fuse",
    ),
    Control(
        "an engine that calls Dask's",
        "bytes",
        {
            "COMPAT_PACKAGE": "controls",
            "COMPAT_ENGINE": "controls.engines:handed_over",
            "COMPAT_ENGINE_SYNC": "controls.engines:handed_over",
        },
        "test_read_bytes",
        "HandedToDask: dask.local.get_async",
    ),
    Control(
        "an engine that loses results",
        "bytes",
        {"COMPAT_ENGINE": "controls.engines:broken", "COMPAT_ENGINE_SYNC": "controls.engines:broken"},
        "test_read_bytes",
        "Error",
    ),
)
