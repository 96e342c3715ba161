"""Tasks on their way to an executor and back. Loaded when a run is watched, or runs in other processes."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import SimpleQueue
from typing import Any

from cenote import _native
from cenote.local import is_a
from cenote.local.executors import MultiprocessingPoolExecutor, SynchronousExecutor

# How a finished task is reported: its number, its exception or None, its result, and who ran it.
Report = tuple[int, BaseException | None, Any, Any]


class Jobs:
    """Tasks on their way to an executor and back."""

    def __init__(
        self, stepper: Any, submit: Callable[..., Future[Any]], num_workers: int, chunksize: int, identity: Any
    ) -> None:
        self.stepper = stepper
        self.submit = submit
        self.num_workers = num_workers
        self.chunksize = chunksize
        self.identity = identity
        self.under_way = 0
        self.done: SimpleQueue[Any] = SimpleQueue()
        executor = getattr(submit, "__self__", None)
        # Threads take one task after another: a job of an executor costs more than most tasks.
        self.hires = isinstance(executor, ThreadPoolExecutor)
        self.hired = 0
        self.to_do: SimpleQueue[list[int] | None] = SimpleQueue()
        self.shares_memory = isinstance(executor, (ThreadPoolExecutor, SynchronousExecutor)) or (
            isinstance(executor, MultiprocessingPoolExecutor) and executor.shares_memory
        )
        self.pickles = isinstance(executor, MultiprocessingPoolExecutor) or is_a(
            executor, "concurrent.futures.process", "ProcessPoolExecutor"
        )

    def next_tasks(self) -> list[int]:
        """Claim the tasks of one more job; none if no worker is free or no task ready."""
        if self.under_way >= self.num_workers:
            return []
        size = self.chunksize
        if size == -1:
            size = -(-self.stepper.ready_len // max(1, self.num_workers - self.under_way))
        tasks: list[int] = []
        while len(tasks) < size and (task := self.stepper.claim()) is not None:
            tasks.append(task)
        return tasks

    def submit_tasks(self, tasks: list[int]) -> None:
        """Send claimed tasks to the executor, as one job."""
        if self.hires:
            self.under_way += 1
            if self.hired < self.under_way:
                self.hired += 1  # first: an interrupt may come when the job is on its way already
                self.submit(_work, self.stepper, self.to_do, self.done.put, self.identity)
            self.to_do.put(tasks)
            return
        if self.shares_memory:
            future = self.submit(_run_tasks, self.stepper, tasks, self.identity)
        else:
            batch: Any = [(task, self.stepper.portable(task)) for task in tasks]
            if self.pickles:
                import cloudpickle

                batch = cloudpickle.dumps(batch)
            future = self.submit(_run_portable_tasks, batch, self.identity)
        self.under_way += 1
        future.add_done_callback(self.done.put)

    def wait(self) -> list[Report]:
        """Wait for the next job to end, and return the reports of its tasks."""
        _native.check_leaving()
        done = self.done.get()
        self.under_way -= 1
        return done if self.hires else done.result()

    def dismiss_workers(self) -> None:
        """Let the threads go that take one task after another."""
        for _ in range(self.hired):
            self.to_do.put(None)


def _work(stepper: Any, to_do: SimpleQueue[Any], report: Callable[[Any], None], identity: Any) -> None:
    """Run tasks as they come, until none will."""
    while (tasks := to_do.get()) is not None:
        report(_run_tasks(stepper, tasks, identity))


def _run_tasks(stepper: Any, tasks: list[int], identity: Callable[[], Any] | None) -> list[Report]:
    """Run tasks one after another, up to the first that fails."""
    reports: list[Report] = []
    run = stepper.run if identity is None else stepper.run_in_context
    worker_id = identity() if identity is not None else None
    for task in tasks:
        try:
            reports.append((task, None, run(task), worker_id))
        except BaseException as error:
            reports.append((task, error.with_traceback(_without_this_frame(error)), None, worker_id))
            break
    return reports


def _run_portable_tasks(batch: Any, identity: Callable[[], Any] | None) -> list[Report]:
    """Run tasks that came as data, one after another, up to the first that fails."""
    if isinstance(batch, bytes):
        import cloudpickle

        batch = cloudpickle.loads(batch)
    reports: list[Report] = []
    worker_id = identity() if identity is not None else None
    for task, steps in batch:
        try:
            reports.append((task, None, _native.run_portable(steps), worker_id))
        except BaseException as error:
            reports.append((task, error.with_traceback(_without_this_frame(error)), None, worker_id))
            break
    return reports


def _without_this_frame(error: BaseException) -> Any:
    return error.__traceback__ and error.__traceback__.tb_next
