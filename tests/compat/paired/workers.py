"""Stock workers without their network, for the simulator of our scheduler's machine.

Each is a `WorkerState` of distributed. The simulator (crates/core/tests/sim/stock.rs) starts this program, owns time,
network, faults and values, and says what reaches which worker; the answer is what that worker wants done. Requests and
answers are messages in the frames of Dask's protocol, read and written by distributed itself, so that a field too many
or too few shows as it would between real processes. After every event the worker validates itself.

Request: `[worker, what, argument, ...]`. Answer: `{"acts", "data", "status", "unfinished", "known"}`, or `{"broken"}`.
"""

from __future__ import annotations

import struct
import sys
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

import dask
from distributed import protocol
from distributed.core import Status, error_message
from distributed.protocol.utils import pack_frames, unpack_frames
from distributed.worker_state_machine import (
    AcquireReplicasEvent,
    CancelComputeEvent,
    ComputeTaskEvent,
    Execute,
    ExecuteFailureEvent,
    ExecuteSuccessEvent,
    FindMissingEvent,
    FreeKeysEvent,
    GatherDep,
    GatherDepBusyEvent,
    GatherDepNetworkFailureEvent,
    GatherDepSuccessEvent,
    Instruction,
    PauseEvent,
    RefreshWhoHasEvent,
    RemoveReplicasEvent,
    RemoveWorkerEvent,
    RescheduleEvent,
    RetryBusyWorkerEvent,
    RetryBusyWorkerLater,
    SecedeEvent,
    SendMessageToScheduler,
    StateMachineEvent,
    StealRequestEvent,
    UnpauseEvent,
    UpdateDataEvent,
    WorkerState,
)

EVENTS: dict[str, type[StateMachineEvent]] = {
    "acquire-replicas": AcquireReplicasEvent,
    "cancel-compute": CancelComputeEvent,
    "compute-task": ComputeTaskEvent,
    "free-keys": FreeKeysEvent,
    "refresh-who-has": RefreshWhoHasEvent,
    "remove-replicas": RemoveReplicasEvent,
    "remove-worker": RemoveWorkerEvent,
    "steal-request": StealRequestEvent,
}
#: States in which a task still has something to do.
UNFINISHED = {
    "cancelled",
    "constrained",
    "executing",
    "fetch",
    "flight",
    "long-running",
    "missing",
    "ready",
    "resumed",
    "waiting",
}
#: Seconds that a task is said to have taken.
DURATION = 0.01


class StockWorker:
    """A `WorkerState`, and as much of the worker around it as the scheduler can see."""

    def __init__(self, address: str, nthreads: int, resources: dict[str, float]) -> None:
        self.state = WorkerState(
            address=address, nthreads=nthreads, resources=resources, validate=True, transition_counter_max=100_000
        )
        self.status = Status.running
        self.attempts: dict[str, int] = {}
        self.gathering: dict[str, GatherDep] = {}
        self.acts: list[tuple[Any, ...]] = []
        self.events = 0

    def cause(self, what: str) -> str:
        """A stimulus id that nobody else has."""
        self.events += 1
        return f"{what}-{self.state.address}-{self.events}"

    def handle(self, event: StateMachineEvent) -> None:
        instructions = self.state.handle_stimulus(event)
        self.state.validate_state()
        for instruction in instructions:
            self.carry_out(instruction)

    def carry_out(self, instruction: Instruction) -> None:
        match instruction:
            case SendMessageToScheduler():
                self.acts.append(("say", instruction.to_dict()))
            case GatherDep(worker=worker, to_gather=keys):
                self.gathering[worker] = instruction
                self.acts.append(("ask", worker, sorted(keys)))
            case RetryBusyWorkerLater(worker=worker):
                self.acts.append(("retry-later", worker))
            case Execute(key=key):
                task = self.state.tasks[key]
                self.attempts[key] = task.run_id
                inputs = {dependency.key: self.value(dependency.key) for dependency in task.dependencies}
                self.acts.append(("run", key, inputs))
            case _:
                raise TypeError(instruction)

    def value(self, key: str) -> object:
        return self.state.actors[key] if key in self.state.actors else self.state.data[key]

    def data(self) -> dict[str, object]:
        # An actor's place is taken when its task comes, and filled when it has run.
        actors = {key: value for key, value in self.state.actors.items() if value is not None}
        return {**self.state.data, **actors}

    # ---- What reaches it

    def hear(self, message: dict[str, Any]) -> None:
        """The scheduler says something."""
        op = message.pop("op")
        if op == "worker-status-change":
            self.take_on(**message)
        elif op == "close":
            self.closed(**message)
        else:
            self.handle(EVENTS[op](**message))

    def take_on(self, status: str, stimulus_id: str) -> None:
        before, self.status = self.status, Status.lookup[status]  # type: ignore[attr-defined]
        about = {"op": "worker-status-change", "status": status, "stimulus_id": stimulus_id}
        self.acts.append(("say", about))
        if before == Status.running != self.status:
            self.handle(PauseEvent(stimulus_id=stimulus_id))
        elif self.status == Status.running != before:
            self.handle(UnpauseEvent(stimulus_id=stimulus_id))

    def closed(self, reason: str) -> None:
        self.acts.append(("die",))

    def status_change(self, status: str) -> None:
        """Something at the worker itself: its memory, or somebody who stops it."""
        self.take_on(status, self.cause("status"))

    def put(self, data: dict[str, object]) -> None:
        """Somebody scatters."""
        self.handle(UpdateDataEvent(data=data, stimulus_id=self.cause("put")))

    def answered(self, worker: str, outcome: str, data: dict[str, object]) -> None:
        """Another worker has answered, is busy, or could not be reached."""
        about = {"worker": worker, "total_nbytes": self.gathering.pop(worker).total_nbytes}
        about["stimulus_id"] = self.cause(outcome)
        match outcome:
            case "sent":
                self.handle(GatherDepSuccessEvent(data=data, **about))
            case "busy":
                self.handle(GatherDepBusyEvent(**about))
            case "unreachable":
                self.handle(GatherDepNetworkFailureEvent(**about))
            case _:
                raise ValueError(outcome)

    def retry_busy(self, worker: str) -> None:
        self.handle(RetryBusyWorkerEvent(worker=worker, stimulus_id=self.cause("retry-busy")))

    def find_missing(self) -> None:
        self.handle(FindMissingEvent(stimulus_id=self.cause("find-missing")))

    def secede(self, key: str) -> None:
        self.handle(SecedeEvent(key=key, compute_duration=DURATION, stimulus_id=self.cause("secede")))

    def returned(self, key: str, value: object) -> None:
        self.handle(
            ExecuteSuccessEvent(
                key=key,
                run_id=self.attempts.pop(key),
                value=value,
                start=0.0,
                stop=DURATION,
                nbytes=8 + len(key),
                type=int,
                stimulus_id=self.cause("finished"),
            )
        )

    def raised(self, key: str, text: str) -> None:
        self.handle(
            ExecuteFailureEvent.from_exception(
                error_message(RuntimeError(text)),
                key=key,
                run_id=self.attempts.pop(key),
                start=0.0,
                stop=DURATION,
                stimulus_id=self.cause("failed"),
            )
        )

    def rescheduled(self, key: str) -> None:
        del self.attempts[key]
        self.handle(RescheduleEvent(key=key, stimulus_id=self.cause("reschedule")))

    # ---- What can be seen of it

    def report(self) -> dict[str, Any]:
        acts, self.acts = self.acts, []
        tasks = self.state.tasks
        return {
            "acts": acts,
            "data": self.data(),
            "status": self.status.name,
            "unfinished": sorted(key for key, task in tasks.items() if task.state in UNFINISHED),
            "known": sorted(f"{key}: {task.state}" for key, task in tasks.items()),
        }


WHAT: dict[str, Callable[..., None]] = {
    "answered": StockWorker.answered,
    "find-missing": StockWorker.find_missing,
    "hear": StockWorker.hear,
    "put": StockWorker.put,
    "raised": StockWorker.raised,
    "rescheduled": StockWorker.rescheduled,
    "retry-busy": StockWorker.retry_busy,
    "returned": StockWorker.returned,
    "secede": StockWorker.secede,
    "status": StockWorker.status_change,
}


def answer(workers: dict[int, StockWorker], request: tuple[Any, ...]) -> dict[str, Any]:
    number, what, *arguments = request
    try:
        if what == "boot":
            workers[number] = StockWorker(*arguments)
        else:
            WHAT[what](workers[number], *arguments)
        return workers[number].report()
    except Exception:
        return {"broken": f"{what} {arguments}\n{traceback.format_exc()}"}


def read(stream: BinaryIO) -> tuple[Any, ...] | None:
    length = stream.read(8)
    if not length:
        return None
    frames = unpack_frames(stream.read(*struct.unpack("Q", length)))
    message: tuple[Any, ...] = protocol.loads(frames)
    return message


def write(stream: BinaryIO, message: dict[str, Any]) -> None:
    packed = pack_frames(list(protocol.dumps(message)))
    stream.write(struct.pack("Q", len(packed)) + packed)
    stream.flush()


def main() -> None:
    workers: dict[int, StockWorker] = {}
    while (request := read(sys.stdin.buffer)) is not None:
        write(sys.stdout.buffer, answer(workers, request))


if __name__ == "__main__":
    # Stories are told in full: runs are short.
    dask.config.set({"distributed.admin.low-level-log-length": 1000})
    main()
