"""Runs Dask's own suites, from the installed package, on Cenote, and compares with the lists in the tree.

::

    python tests/compat/run.py                    every suite; of array and dataframe a fixed tenth
    python tests/compat/run.py --full             all of array and dataframe
    python tests/compat/run.py test_order bag     two suites
    python tests/compat/run.py test_order --update    adds to the lists what passes now
    python tests/compat/run.py bag --stock --update   writes down what fails on stock Dask
    python tests/compat/run.py controls           only the negative controls, which run before all suites too

The exit code is 0 if every listed test passes, and every test that is not listed passes or is excused with a reason.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from controls.check import CONTROLS
from ratchet import Lists
from suites import Suite, named

HERE = Path(__file__).resolve().parent
DEATHS_MAX = 5
#: A test that Dask expects to fail, and that passes here, has passed.
PASSED = frozenset({"passed", "xpassed"})
GOOD = PASSED | frozenset({"skipped", "xfailed"})


@dataclass
class Outcome:
    """What became of one test."""

    outcome: str
    seconds: float = 0.0
    properties: dict[str, int] = field(default_factory=dict)

    @property
    def reached(self) -> bool:
        """Whether the test ran any of our code: a graph on our engine, or the module that the suite is about."""
        return bool(self.properties.get("engine") or self.properties.get("touched"))


def read(path: Path) -> dict[str, Outcome]:
    """Read what the recorder wrote. A test that began and never ended has the outcome ``died``."""
    outcomes: dict[str, Outcome] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        nodeid, outcome, *rest = line.split("\t")
        if outcome == "started":
            outcomes[nodeid] = Outcome("died")
        else:
            outcomes[nodeid] = Outcome(outcome, float(rest[0]), json.loads(rest[1]))
    return outcomes


def dask_root() -> Path:
    """The folder that holds the package ``dask``."""
    spec = importlib.util.find_spec("dask")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("dask is not installed: pip install 'dask[array,dataframe,distributed]'")
    return Path(spec.submodule_search_locations[0]).parent


def environment(suite: Suite, options: argparse.Namespace, record: Path, done: Path) -> dict[str, str]:
    """The environment in which pytest and the plugins run."""
    share = 1 if options.full else suite.share
    inherited_path = [
        str(Path(folder).resolve()) for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder
    ]
    own = {
        "COMPAT_RECORD": str(record),
        "COMPAT_DONE": str(done),
        "COMPAT_SHARE": str(options.share or share),
        "COMPAT_SUBJECT": ",".join(suite.subject),
        "COMPAT_KEEP": ",".join(suite.keep),
        "COMPAT_SWAP_MODE": "off" if options.stock else options.mode,
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": os.pathsep.join([str(HERE), *inherited_path]),
        "PYTHONPYCACHEPREFIX": os.environ.get("PYTHONPYCACHEPREFIX", str(Path(tempfile.gettempdir(), "compat-pyc"))),
    }
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return inherited | own


def command(suite: Suite, options: argparse.Namespace) -> list[str]:
    """The command that runs the suite. Nothing is written into the package: no cache, and no compiled tests."""
    root = dask_root()
    plugins = ["recorder", *([] if options.stock else ["guard"]), "api_alias" if suite.drop_in else "scheduler_swap"]
    return [
        *(sys.executable, "-m", "pytest", "-c", str(HERE / "pytest.ini"), f"--rootdir={root}", "-q"),
        *(word for plugin in plugins for word in ("-p", plugin)),
        *("-p", "no:asyncio", "-p", "no:cacheprovider", "-m", "not slow and not network and not gpu"),
        *(f"--timeout={options.timeout_s}", "--timeout-method=thread", "--tb=short"),
        *(() if options.full else (f"--ignore={root / path}" for path in suite.long)),
        *(("-k", options.k) if options.k else ()),
        *(("-n", str(options.n)) if options.n else ()),
        str(root / suite.path),
    ]


def collect(suite: Suite, options: argparse.Namespace, folder: Path) -> dict[str, Outcome]:
    """Run a suite; if a test takes the whole process with it, note that and run the rest."""
    outcomes: dict[str, Outcome] = {}
    log = folder / f"{suite.name}.log"
    with log.open("wb") as output:
        for _ in range(DEATHS_MAX):
            record, done = folder / f"{suite.name}.tsv", folder / f"{suite.name}.done"
            done.write_text("\n".join(outcomes), encoding="utf-8")
            record.unlink(missing_ok=True)
            subprocess.run(
                command(suite, options),
                env=environment(suite, options, record, done),
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                # A background job of a shell inherits an ignored SIGINT, and the tests of interrupts would hang.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
            )
            ran = read(record)
            outcomes |= ran
            if not any(outcome.outcome == "died" for outcome in ran.values()):
                break
    if not outcomes:
        print(log.read_text(encoding="utf-8", errors="replace")[-4000:])
    return outcomes


def wrong(suite: Suite, outcomes: dict[str, Outcome], lists: Lists) -> dict[str, str]:
    """The tests that spoil the run, each with what is wrong."""
    spoilt = {}
    for nodeid, outcome in outcomes.items():
        if nodeid in lists.passes and outcome.outcome not in PASSED:
            spoilt[nodeid] = f"is listed as passing, but {outcome.outcome}"
        elif outcome.outcome not in GOOD and nodeid not in lists.excused and nodeid not in lists.stock:
            spoilt[nodeid] = f"{outcome.outcome}, and no list excuses it"
    if not outcomes:
        spoilt[suite.path] = "no test ran"
    return spoilt


def report(suite: Suite, outcomes: dict[str, Outcome], lists: Lists, seconds: float) -> None:
    """Print what passed, out of which fair number, and how much of it says anything about Cenote."""
    excused = {nodeid for nodeid in outcomes if nodeid in lists.excused}
    passed = {nodeid for nodeid, outcome in outcomes.items() if outcome.outcome in PASSED}
    reached = {nodeid for nodeid in passed if outcomes[nodeid].reached}
    counts = dict(Counter(outcome.outcome for outcome in outcomes.values()))
    if suite.drop_in:
        skipped = {n for n, outcome in outcomes.items() if outcome.outcome in ("skipped", "xfailed")} - excused
        fair = len(outcomes) - len(excused) - len(skipped)
        idle = len(passed - reached - excused)
        others = f"{idle} more passed and never touched Cenote, {len(skipped)} skipped or expected to fail"
        print(f"{suite.name}: {len(reached - excused)} / {fair} fair; {others}", end=", ")
        print(f"{len(excused)} excused ({len(passed & excused)} of them pass); {seconds:.0f} s")
        return
    ran = {nodeid for nodeid, outcome in outcomes.items() if outcome.reached}
    engine = sum(outcome.properties.get("engine", 0) for outcome in outcomes.values())
    stock = sum(outcome.properties.get("stock", 0) for outcome in outcomes.values())
    print(f"{suite.name}: reached the engine {len(ran)}, of which passed {len(reached)}", end="; ")
    print(f"graphs on the engine {engine}, on stock {stock}; all tests {counts}; {seconds:.0f} s")


def update(suite: Suite, outcomes: dict[str, Outcome], lists: Lists, stock: bool) -> None:
    """Add to the lists what this run has shown."""
    passed = {nodeid for nodeid, outcome in outcomes.items() if outcome.outcome in PASSED}
    if stock:
        lists.stock.add({nodeid for nodeid, outcome in outcomes.items() if outcome.outcome not in GOOD})
    elif suite.drop_in:
        evidence = {nodeid for nodeid in passed if outcomes[nodeid].reached and nodeid not in lists.excused}
        lists.passes.add(evidence)


def uncaught(options: argparse.Namespace, folder: Path) -> int:
    """Run the negative controls and tell how many of them the harness would have let pass."""
    count = 0
    for control in CONTROLS:
        os.environ.update(control.environment)
        chosen = argparse.Namespace(**vars(options) | {"k": control.k, "share": 1})
        outcomes = collect(named([control.suite])[0], chosen, folder)
        for name in control.environment:
            del os.environ[name]
        log = (folder / f"{control.suite}.log").read_text(encoding="utf-8", errors="replace")
        failed = sum(outcome.outcome == "failed" for outcome in outcomes.values())
        good = failed and control.evidence in log
        print(f"control, {control.name}: {failed} of {len(outcomes)} tests fail{'' if good else ': NOT CAUGHT'}")
        count += not good
    return count


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run Dask's own suites on Cenote.")
    parser.add_argument("suites", nargs="*", help="names of suites or groups: drop-in, scheduler, all (default)")
    parser.add_argument("--mode", default="all", choices=("all", "named", "config"), help="how much Dask is swapped")
    parser.add_argument("--stock", action="store_true", help="run stock Dask: the baseline of the scheduler suites")
    parser.add_argument("--full", action="store_true", help="all of the long suites, not a fixed tenth")
    parser.add_argument("--share", type=int, default=0, help="one test in SHARE, of every suite")
    parser.add_argument("--update", action="store_true", help="add to the lists what this run has shown")
    parser.add_argument("--out", type=Path, default=None, help="keep outcomes and logs in this folder")
    parser.add_argument("--timeout-s", type=int, default=300, help="for one test")
    parser.add_argument("-k", default="", help="passed on to pytest")
    parser.add_argument("-n", type=int, default=0, help="processes (needs pytest-xdist)")
    return parser.parse_args()


def main() -> int:
    """Run the suites that the command line names; the exit code says whether all is well."""
    options = arguments()
    spoilt = 0
    with tempfile.TemporaryDirectory(prefix="compat-") as scratch:
        folder = (options.out or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if not options.stock and options.suites in ([], ["controls"]):
            spoilt += uncaught(options, folder)
        for suite in named(options.suites) if options.suites != ["controls"] else ():
            lists = Lists(suite.name)
            began = time.monotonic()
            outcomes = collect(suite, options, folder)
            if options.update:
                update(suite, outcomes, lists, options.stock)
            report(suite, outcomes, lists, time.monotonic() - began)
            problems = {} if options.stock else wrong(suite, outcomes, lists)
            for nodeid, problem in problems.items():
                print(f"  {nodeid}: {problem}")
            spoilt += len(problems)
    return 1 if spoilt else 0


if __name__ == "__main__":
    sys.exit(main())
