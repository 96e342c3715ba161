"""pytest plugin: Dask's own tests see Cenote where they import Dask.

What a user does who writes ``import cenote as dask`` is done here to the test modules, and to nothing else: inside
them ``import dask``, ``from dask.order import order`` and the like give *views*, whose attributes are Cenote's where
Cenote has them, and Dask's where it has not (``dask.array``, private names). Dask itself stays as it is: an array in
a test is a real one, made by Dask, and must get on with our objects.

For each test it is recorded whether code of Cenote really ran in it. A test that passed and never touched the
replacement is no evidence, and is reported apart.

Environment
-----------
COMPAT_PACKAGE
    The package that stands in for Dask. Default ``cenote``.
COMPAT_SUBJECT
    The modules of it that the suite is about, separated by commas: ``order`` means that a test counts only if code of
    ``cenote/order.py``, or a native function that this module offers, ran. Default: any module.
COMPAT_KEEP
    Names that stay Dask's, separated by commas: ``dask.config`` or ``dask.utils.tmpfile``.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from _pytest.assertion.rewrite import AssertionRewritingHook

PACKAGE = os.environ.get("COMPAT_PACKAGE", "cenote")
SUBJECT = tuple(filter(None, os.environ.get("COMPAT_SUBJECT", "").split(",")))
KEEP = frozenset(filter(None, os.environ.get("COMPAT_KEEP", "").split(",")))

#: Public names for which a test module was given Dask's object, because Cenote has none.
missing: set[str] = set()


class View(types.ModuleType):
    """A module of Dask as a test sees it: Cenote's attributes first, then Dask's."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        ours = None if name in KEEP else counterpart(name)
        self.__dict__.update(_ours=ours, _theirs=sys.modules[name])

    def __getattr__(self, attribute: str) -> Any:
        name = f"{self.__name__}.{attribute}"
        if name not in KEEP and hasattr(self._ours, attribute):
            value = getattr(self._ours, attribute)
        else:
            value = getattr(self._theirs, attribute)
            if self._ours is not None and not attribute.startswith("_") and not isinstance(value, types.ModuleType):
                missing.add(name)
        return view(name) if isinstance(value, types.ModuleType) and name in sys.modules else value

    def __setattr__(self, attribute: str, value: Any) -> None:
        setattr(self._ours if hasattr(self._ours, attribute) else self._theirs, attribute, value)

    def __delattr__(self, attribute: str) -> None:
        delattr(self._ours if hasattr(self._ours, attribute) else self._theirs, attribute)


views: dict[str, View] = {}


def view(name: str) -> View:
    """The view of a module of Dask that has been imported."""
    if name not in views:
        views[name] = View(name)
    return views[name]


def counterpart(name: str) -> types.ModuleType | None:
    """Cenote's module for a module of Dask, if there is one."""
    ours = PACKAGE + name.removeprefix("dask")
    try:
        found = importlib.util.find_spec(ours)
    except ModuleNotFoundError:
        found = None
    return importlib.import_module(ours) if found else None


def import_view(name: str, globals: Any = None, locals: Any = None, fromlist: Any = (), level: int = 0) -> Any:
    """What ``import`` means inside a test module."""
    module = builtins.__import__(name, globals, locals, fromlist, level)
    if level or name.partition(".")[0] != "dask":
        return module
    return view(name if fromlist else "dask")


def execute_with_views(hook: AssertionRewritingHook, module: types.ModuleType) -> None:
    """Execute a test module so that its imports, also those inside its functions, give views."""
    if module.__name__.partition(".")[0] == "dask":
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": import_view}
    execute(hook, module)


execute = AssertionRewritingHook.exec_module


class Touch:
    """Watches a test until the first moment in which code of the subject runs.

    Code of the subject is what stands in its modules' own files, and the functions that these modules offer: native
    ones, and ones from modules of Cenote whose name is none of Dask's, which are parts of the subject.
    """

    def __init__(self) -> None:
        root = Path(counterpart("dask").__file__ or "").parent
        offered = [module for name in SUBJECT if (module := counterpart(f"dask.{name}"))]
        callables = [value for module in offered for value in vars(module).values() if callable(value)]
        homes = {getattr(value, "__module__", None) or "" for value in callables}
        parts = {home.removeprefix(f"{PACKAGE}.") for home in homes if home.startswith(f"{PACKAGE}.")}
        names = {
            *SUBJECT,
            *(part for part in parts if importlib.util.find_spec(f"dask.{part.partition('.')[0]}") is None),
        }
        self.files = tuple(f"{root / name}{end}" for name in names for end in (".py", os.sep)) or (f"{root}{os.sep}",)
        self.native = {id(value) for value in callables}
        self.seen = False

    def __call__(self, frame: types.FrameType, event: str, called: Any) -> None:
        if event == "call":
            self.seen = self.seen or frame.f_code.co_filename.startswith(self.files)
        elif event == "c_call":
            home = getattr(called, "__module__", None) or type(getattr(called, "__self__", None)).__module__
            ours = home == PACKAGE or home.startswith(PACKAGE + ".")
            self.seen = self.seen or (id(called) in self.native if SUBJECT else ours)
        if self.seen:
            sys.setprofile(None)
            threading.setprofile(None)


def pytest_configure(config: pytest.Config) -> None:
    for name in ("base", "threaded", "local", "order", "optimization", "highlevelgraph", "diagnostics", "tokenize"):
        importlib.import_module(f"dask.{name}")
    if counterpart("dask") is None:
        raise pytest.UsageError(f"no package {PACKAGE!r} to stand in for Dask")
    AssertionRewritingHook.exec_module = execute_with_views  # type: ignore[method-assign]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    touch = Touch()
    threading.setprofile(touch)
    sys.setprofile(touch)
    try:
        return (yield)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
        item.user_properties.append(("touched", touch.seen))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    terminalreporter.write_line(
        f"[api] given Dask's for want of {PACKAGE}'s: {', '.join(sorted(missing)) or 'nothing'}"
    )
