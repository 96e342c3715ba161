"""Runs distributed's own tests with the scheduler as an outside process, and compares with the lists in the tree.

::

    run.py                                            Debian's test files: what has passed before
    run.py --tests core                               what a stock scheduler passes, and is in scope
    run.py --tests core --files test_client -k actor  some of it
    run.py --tests core --files test_locks --stock    stock Dask's scheduler, for comparison
    run.py --names FILE --update                      these, whatever stock does; keep what passes

The scheduler is `SCHEDULER_CMD`, or the command `cenote scheduler` beside this Python. Which files: those of the
checkout that `DISTRIBUTED_SRC` names, or those that Debian packages. Outcomes are kept, one line of JSON a test, in
`--out`; with `--resume` a run goes on where another was stopped. The exit code is 0 if every test of the list of passes
that was to run has passed, if need be at its second attempt.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from commands import scheduler_command  # noqa: E402
from names import Names, Scores  # noqa: E402
from outcomes import Outcome, read, table  # noqa: E402
from pytest_process import Pytest, adopt_orphans  # noqa: E402
from source import TARGET, Source, Unavailable, checkout, debian  # noqa: E402


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Run distributed's own tests on a scheduler in another process.")
    parser.add_argument("--tests", default="passes", choices=("passes", "core", "stock"), help="which list to run")
    parser.add_argument("--files", nargs="*", default=[], help="only these files, such as test_client")
    parser.add_argument("--names", type=Path, default=None, help="a file of names instead of a list, one a line")
    parser.add_argument("-k", default="", help="only tests whose name contains one of these words")
    parser.add_argument("-n", type=int, default=1, help="processes at once")
    parser.add_argument("--timeout-s", type=float, default=20, help="for a test that names none")
    parser.add_argument("--out", type=Path, default=None, help="the file of outcomes")
    parser.add_argument("--resume", action="store_true", help="leave out what the file of outcomes already has")
    parser.add_argument("--retry-failed", action="store_true", help="with --resume: run again what did not pass")
    parser.add_argument("--stock", action="store_true", help="stock Dask's scheduler")
    parser.add_argument("--update", action="store_true", help="add to the list of passes what passes now")
    parser.add_argument("--table", type=Path, default=None, help="write the result by file, as Markdown")
    parser.add_argument("--no-run", action="store_true", help="only report what the file of outcomes says")
    return parser.parse_args()


def chosen(options: argparse.Namespace, scores: Scores) -> list[str]:
    """The names of the tests to run, in the order in which their files are told to run."""
    tests = {"passes": scores.passes, "core": scores.core, "stock": scores.stock}[options.tests]
    if options.names:
        tests = set(options.names.read_text(encoding="utf-8").split("\n")) - {""}
    files = [name.removesuffix(".py") for name in options.files]
    words = options.k.split()

    def wanted(test: str) -> bool:
        stem = Path(test.partition("::")[0]).stem
        return (not files or stem in files) and (not words or any(word in test for word in words))

    def place(test: str) -> tuple[int, str]:
        path = test.partition("::")[0]
        return (files.index(Path(path).stem) if files else 0), path

    return sorted((test for test in tests if wanted(test) and test not in scores.excused), key=place)


def halves(tests: list[str], count: int) -> list[list[str]]:
    """Share the tests out by file, the largest first, so that each process has about as many."""
    files: dict[str, list[str]] = {}
    for test in tests:
        files.setdefault(test.partition("::")[0], []).append(test)
    if count < 2:
        return [tests]
    shares: list[list[str]] = [[] for _ in range(count)]
    for each in sorted(files.values(), key=len, reverse=True):
        min(shares, key=len).extend(each)
    return [share for share in shares if share]


def run(options: argparse.Namespace, source: Source, tests: list[str], record: Path) -> None:
    """Run the tests, and once more those of them that did not pass and should."""
    pytest = Pytest(source, record, scheduler_command(options.stock), options.timeout_s)
    with ThreadPoolExecutor(max(1, options.n)) as pool:
        list(pool.map(pytest.run, halves(tests, options.n)))


def verdict(tests: list[str], outcomes: dict[str, Outcome], passes: Names) -> list[str]:
    """The tests of the list that were to run and did not pass, be it that nothing ran at all."""
    passed = {test for test, outcome in outcomes.items() if outcome.passed or outcome.elsewhere}
    return sorted(test for test in tests if test in passes and test not in passed)


def main() -> int:
    """Run what the command line asks for; the exit code says whether all is well."""
    options = arguments()
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    adopt_orphans()
    folder = os.environ.get("DISTRIBUTED_SRC", "")
    try:
        source = checkout(Path(folder)) if folder else debian()
    except Unavailable as error:
        print(f"skipped: {error}")
        return 0
    scores = Scores(source.name)
    record = (options.out or TARGET / f"{source.name}{'-stock' if options.stock else ''}.jsonl").resolve()
    record.parent.mkdir(parents=True, exist_ok=True)
    if not options.resume and not options.no_run:
        record.unlink(missing_ok=True)
    tests = chosen(options, scores)
    if not options.no_run:
        had = read(record)
        left = [t for t in tests if t not in had or (options.retry_failed and not had[t].passed)]
        run(options, source, left, record)
        failed = verdict(tests, read(record), scores.passes) if not options.stock else []
        run(options, source, [test for test in failed if test in set(left)], record)
    known = read(record)
    outcomes = {test: known[test] for test in tests if test in known}
    print(table(outcomes, scores, options.table))
    if options.update and not options.stock:
        scores.passes.add({test for test, outcome in outcomes.items() if outcome.passed})
    ran = list(outcomes) if options.no_run else tests
    broken = [] if options.stock else verdict(ran, outcomes, scores.passes)
    for test in broken:
        print(f"is listed as passing, but {outcomes[test].outcome if test in outcomes else 'did not run'}: {test}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
