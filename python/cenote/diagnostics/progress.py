"""A progress bar for terminals and notebooks."""

from __future__ import annotations

import contextlib
import sys
import threading
from time import perf_counter
from typing import Any

from cenote._units import format_time
from cenote.callbacks import Callback


class ProgressBar(Callback):
    """Shows how many tasks of a graph are done, in one line that is written over.

    Parameters
    ----------
    minimum : float
        Show nothing of runs shorter than this, in seconds.
    width : int
        Length of the bar, in characters.
    dt : float
        How often it is drawn, in seconds.
    out : file, optional
        Where it is drawn: anything with ``write`` and ``flush``. By default `sys.stdout`, which notebooks show too.

    Attributes
    ----------
    last_duration : float
        How long the last run took, in seconds.

    Examples
    --------
    >>> import io
    >>> from cenote import get_sync
    >>> screen = io.StringIO()
    >>> with ProgressBar(width=10, out=screen):
    ...     get_sync({"x": 1, "y": (abs, "x")}, "y")
    1
    >>> screen.getvalue().split("|")[-2]
    ' 100% Completed '
    """

    def __init__(self, minimum: float = 0, width: int = 40, dt: float = 0.1, out: Any = None) -> None:
        super().__init__()
        self._minimum = minimum
        self._width = width
        self._dt = dt
        self._file = sys.stdout if out is None else out  # stays None in a program without a console
        self.last_duration: float = 0.0
        self._finished = threading.Event()

    def _start(self, dsk: Any) -> None:
        self._state: Any = None
        self._start_time = perf_counter()
        self._finished.clear()
        self._running = True
        self._timer = threading.Thread(target=self._draw_repeatedly, name="cenote-progress", daemon=True)
        self._timer.start()

    def _start_state(self, dsk: Any, state: Any) -> None:
        self._state = state

    def _pretask(self, key: Any, dsk: Any, state: Any) -> None:
        self._state = state

    def _finish(self, dsk: Any, state: Any, failed: bool) -> None:
        self._running = False
        self._finished.set()
        self._timer.join()
        self.last_duration = elapsed = perf_counter() - self._start_time
        if elapsed < self._minimum:
            return
        if failed:
            self._draw_state(elapsed)
        else:
            self._draw(1.0, elapsed)
        self._write("\n")

    def _draw_repeatedly(self) -> None:
        while self._running:
            elapsed = perf_counter() - self._start_time
            if elapsed > self._minimum:
                self._draw_state(elapsed)
            self._finished.wait(self._dt)

    def _draw_state(self, elapsed: float) -> None:
        state = self._state
        if not state:
            self._draw(0.0, elapsed)
            return
        done = len(state["finished"])
        total = done + sum(len(state[name]) for name in ("ready", "waiting", "running"))
        if done < total:  # a full bar is drawn once, at the end
            self._draw(done / total, elapsed)

    def _draw(self, part: float, elapsed: float) -> None:
        bar = "#" * int(self._width * part)
        self._write(f"\r[{bar:<{self._width}}] | {int(100 * part)}% Completed | {format_time(elapsed)}")

    def _write(self, text: str) -> None:
        if self._file is not None:
            with contextlib.suppress(ValueError):  # the file has been closed
                self._file.write(text)
                self._file.flush()
