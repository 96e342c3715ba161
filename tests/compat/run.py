"""Runs Dask's own suites, and some of others, from the installed packages on Cenote, and compares with the lists.

::

    python tests/compat/run.py                    every suite; of array and dataframe a fixed tenth
    python tests/compat/run.py --full             all of array and dataframe, and the tests that start clusters
    python tests/compat/run.py test_order bag     two suites
    python tests/compat/run.py test_order --update    adds to the lists what passes now
    python tests/compat/run.py bag --stock        stock Dask: what fails there
    python tests/compat/run.py cluster            what runs on a cluster: a share of what is listed; --full all
    python tests/compat/run.py controls           only the negative controls, which run before all suites too

A test that fails and is not excused runs once more; if it fails again, and the suite is one in which Dask's own parts
are tested, it runs on stock Dask in the same environment. The exit code is 0 if every listed test passes, and every
test that is not listed passes, is excused with a reason, or fails on stock Dask too.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from controls.check import CONTROLS
from ratchet import Lists
from runner import Outcome, Runner
from suites import Suite, named


def wrong(suite: Suite, outcomes: dict[str, Outcome], lists: Lists) -> dict[str, str]:
    """The tests that spoil the run, each with what is wrong."""
    spoilt = {}
    for nodeid, outcome in outcomes.items():
        if nodeid in lists.passes and not outcome.passed:
            spoilt[nodeid] = f"is listed as passing, but {outcome.outcome}"
        elif nodeid in lists.passes and suite.clustered and not outcome.reached:
            spoilt[nodeid] = "is listed as passing, but nothing of it reached the scheduler"
        elif not outcome.good and nodeid not in lists.excused:
            spoilt[nodeid] = f"{outcome.outcome}, and no list excuses it"
    if not outcomes:
        spoilt[suite.path] = "no test ran"
    return spoilt


def confirmed(suite: Suite, runner: Runner, outcomes: dict[str, Outcome], lists: Lists) -> dict[str, str]:
    """What is wrong at the second attempt too, and is not wrong with stock Dask; brings the outcomes up to date."""
    spoilt = wrong(suite, outcomes, lists)
    if not outcomes or not spoilt:
        return spoilt
    second = runner.again(spoilt).run(suite)
    outcomes |= second
    left = wrong(suite, {nodeid: second[nodeid] for nodeid in spoilt if nodeid in second}, lists) if second else spoilt
    for nodeid in sorted(spoilt.keys() - left.keys()):
        print(f"  {nodeid}: passed only at the second attempt")
    if left and not suite.drop_in:
        stock = runner.again(left, stock=True).run(suite)
        for nodeid in sorted(stock):
            if not stock[nodeid].good and left.pop(nodeid, None):
                print(f"  {nodeid}: fails on stock Dask too")
    return left


def report(suite: Suite, outcomes: dict[str, Outcome], lists: Lists, seconds: float) -> None:
    """Print what passed, out of which fair number, and how much of it says anything about Cenote."""
    excused = {nodeid for nodeid in outcomes if nodeid in lists.excused}
    passed = {nodeid for nodeid, outcome in outcomes.items() if outcome.passed}
    reached = {nodeid for nodeid in passed if outcomes[nodeid].reached}
    if suite.drop_in:
        skipped = {n for n, outcome in outcomes.items() if outcome.outcome in ("skipped", "xfailed")} - excused
        fair = len(outcomes) - len(excused) - len(skipped)
        idle = len(passed - reached - excused)
        others = f"{idle} more passed and never touched Cenote, {len(skipped)} skipped or expected to fail"
        others += f", {len(excused)} excused ({len(passed & excused)} of them pass)"
        print(f"{suite.name}: {len(reached - excused)} / {fair} fair; {others}; {seconds:.0f} s", flush=True)
        return
    if suite.clustered:
        fate = Counter(outcome.outcome for outcome in outcomes.values() if outcome.reached)
        tasks = sum(outcome.properties.get("cluster", 0) for outcome in outcomes.values())
        others = ", ".join(f"{count} {what}" for what, count in sorted(fate.items()) if what != "passed")
        of = f"{len(reached)} of the {fate.total()} tests passed whose tasks reached the scheduler ({others or 'all'})"
        print(f"{suite.name}: {of}; {tasks:,} tasks; {len(outcomes)} tests ran; {seconds:.0f} s", flush=True)
        return
    counts = dict(Counter(outcome.outcome for outcome in outcomes.values()))
    ran = [outcome for outcome in outcomes.values() if outcome.reached]
    engine, stock = (sum(o.properties.get(where, 0) for o in outcomes.values()) for where in ("engine", "stock"))
    graphs = f"graphs on the engine {engine:,}, on stock {stock:,}; all tests {counts}"
    fate = f"reached the engine {len(ran)}, of which passed {len(reached)}"
    print(f"{suite.name}: {fate}; {graphs}; {seconds:.0f} s", flush=True)


def run_suite(suite: Suite, runner: Runner, update: bool) -> int:
    """Run one suite, report, and tell how many tests spoil the run."""
    lists, began = Lists(suite.name), time.monotonic()
    runner = runner.listed(suite, lists.passes.reasons)
    outcomes = runner.run(suite)
    if runner.stock:
        report(suite, outcomes, lists, time.monotonic() - began)
        for nodeid in sorted(nodeid for nodeid, outcome in outcomes.items() if not outcome.good):
            print(f"  {nodeid}: {outcomes[nodeid].outcome}")
        return 0
    spoilt = confirmed(suite, runner, outcomes, lists)
    if update and (suite.drop_in or suite.clustered):
        lists.passes.add({n for n, o in outcomes.items() if o.passed and o.reached and n not in lists.excused})
    report(suite, outcomes, lists, time.monotonic() - began)
    for nodeid, problem in spoilt.items():
        print(f"  {nodeid}: {problem}", flush=True)
    return len(spoilt)


def uncaught(options: argparse.Namespace, folder: Path) -> int:
    """Run the negative controls and tell how many of them the harness would have let pass."""
    count = 0
    for control in CONTROLS:
        suite = named([control.suite])[0]
        runner = Runner(options, folder, extra=tuple(control.environment.items()), k=control.k)
        outcomes = runner.run(suite)
        log = runner.log(suite).read_text(encoding="utf-8", errors="replace")
        failed = sum(outcome.outcome == "failed" for outcome in outcomes.values())
        good = failed and control.evidence in log
        print(f"control, {control.name}: {failed} of {len(outcomes)} tests fail{'' if good else ': NOT CAUGHT'}")
        count += not good
    return count


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run Dask's own suites on Cenote.")
    parser.add_argument(
        "suites", nargs="*", help="names of suites or groups: drop-in, scheduler, cluster, all (default)"
    )
    parser.add_argument("--mode", default="all", choices=("all", "named", "config"), help="how much Dask is swapped")
    parser.add_argument("--stock", action="store_true", help="run stock Dask alone")
    parser.add_argument("--full", action="store_true", help="all of the long suites, not a fixed tenth")
    parser.add_argument("--share", type=int, default=0, help="one test in SHARE, of every suite")
    parser.add_argument("--update", action="store_true", help="add to the lists what this run has shown")
    parser.add_argument("--out", type=Path, default=None, help="keep outcomes and logs in this folder")
    parser.add_argument("--timeout-s", type=int, default=300, help="for one test")
    parser.add_argument("-k", default="", help="passed on to pytest")
    parser.add_argument(
        "-n", type=int, default=0, help="suites, or processes of a large suite (by pytest-xdist), at once"
    )
    return parser.parse_args()


def main() -> int:
    """Run the suites that the command line names; the exit code says whether all is well."""
    options = arguments()
    # A background job of a shell ignores SIGINT, its children inherit that, and tests of interrupts would hang.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    spoilt = 0
    with tempfile.TemporaryDirectory(prefix="compat-") as scratch:
        folder = (options.out or Path(scratch)).resolve()
        folder.mkdir(parents=True, exist_ok=True)
        if not options.stock and options.suites in ([], ["controls"]):
            spoilt += uncaught(options, folder)
        suites = named(options.suites) if options.suites != ["controls"] else []
        runner = Runner(options, folder, stock=options.stock)
        with ThreadPoolExecutor(max(1, options.n)) as pool:
            small = [suite for suite in suites if not suite.large]
            spoilt += sum(pool.map(lambda suite: run_suite(suite, runner, options.update), small))
        spoilt += sum(run_suite(suite, runner, options.update) for suite in suites if suite.large)
    print("all is well" if not spoilt else f"{spoilt} tests or controls spoil the run")
    return 1 if spoilt else 0


if __name__ == "__main__":
    sys.exit(main())
