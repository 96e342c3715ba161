"""How many of distributed's tests pass, file by file, from the lists: in the manual between its two marks.

::

    by_file.py            whether the manual says so
    by_file.py --write    write it there
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from names import Scores  # noqa: E402

MANUAL = HERE.parents[2] / "docs" / "scheduler.md"
BEGIN, END = "<!-- begin: tests/compat/outside/by_file.py -->\n", "<!-- end -->\n"


def written(scores: Scores) -> str:
    """The table, as Markdown."""
    files = sorted({test.partition("::")[0] for test in {*scores.stock, *scores.passes}})
    counted = [Counter(test.partition("::")[0] for test in tests) for tests in passing(scores)]
    rows = [(file.removeprefix("distributed/"), *(count[file] for count in counted)) for file in files]
    total = ("**together**", *(f"**{count.total()}**" for count in counted))
    lines = ["| file | passed | stock passes | excused | beyond |", "|---|---|---|---|---|"]
    lines += ["| " + " | ".join(map(str, row)) + " |" for row in (*rows, total)]
    return "\n" + "\n".join(lines) + "\n\n"


def passing(scores: Scores) -> tuple[set[str], set[str], set[str], set[str]]:
    """The tests of stock's that pass, all of stock's, those of them that are excused, and what passes beyond."""
    passes = set(scores.passes)
    excused = {test for test in scores.stock if test in scores.excused and test not in passes}
    return passes & scores.stock, scores.stock, excused, passes - scores.stock


def main() -> int:
    """Compare or write."""
    before, begin, rest = MANUAL.read_text(encoding="utf-8").partition(BEGIN)
    table, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{MANUAL} has no place for the table between {BEGIN.strip()} and {END.strip()}")
    wanted = written(Scores("checkout"))
    if "--write" in sys.argv:
        MANUAL.write_text(before + begin + wanted + end + after, encoding="utf-8")
    elif table != wanted:
        print(f"{MANUAL.name} does not say what the lists say: {Path(__file__).name} --write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
