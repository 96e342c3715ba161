"""Shuffles: the barrier of a P2P shuffle says how its data is parted, and which worker should take which part."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from distributed.protocol.serialize import ToPickle


def plan_shuffle(
    barrier: Any,
    run_id: int,
    workers: tuple[str, ...],
    aligned: tuple[Any, ...] = (),
    span_id: str | None = None,
    **_ignored: Any,
) -> Iterator[dict[str, Any]]:
    """Says what workers are told of a run of the shuffle, and which of them take part.

    Parts that go somewhere in an aligned run, whose data is used together with that of this one, go there in this, too.
    """
    spec = getattr(barrier, "spec", None)
    if spec is None:
        raise TypeError(f"{barrier!r} is no barrier of a P2P shuffle")
    worker_for: dict[Any, str] = {}
    for run in aligned:
        for part, worker in run.worker_for.items():
            if worker_for.setdefault(part, worker) != worker:
                raise RuntimeError(
                    f"the shuffle {spec.id} shares tasks with shuffles that are not aligned: part {part!r} goes to "
                    f"{worker_for[part]} and to {worker}"
                )
    worker_for = {
        part: worker_for.get(part) or spec.pick_worker(part, list(workers)) for part in spec.output_partitions
    }
    run = spec.create_new_run(worker_for=worker_for, span_id=span_id).run_spec
    # Its class counts the runs of one process; the scheduler counts them all.
    object.__setattr__(run, "run_id", run_id)
    yield {"run_spec": ToPickle(run), "workers": list(dict.fromkeys(worker_for.values()))}
