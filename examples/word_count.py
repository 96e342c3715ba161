"""Counting words in many files.

    python examples/word_count.py [FILES...]

One task a file, and a tree that adds the counts up two by two, so that no more than a few of them are ever in memory.
Without arguments it writes 200 files to a temporary folder and checks the result.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import cenote

WORDS = ["apple", "orange", "pear", "plum", "cherry", "quince", "fig", "lemon"]


@cenote.delayed
def count(file: Path) -> Counter[str]:
    """How often each word stands in one file."""
    with file.open() as lines:
        return Counter(word for line in lines for word in line.split())


@cenote.delayed
def both(left: Counter[str], right: Counter[str]) -> Counter[str]:
    """Two counts in one."""
    return left + right


def word_count(files: list[Path]) -> Counter[str]:
    """How often each word stands in all files together."""
    counts = [count(file) for file in files]
    while len(counts) > 1:
        paired = [both(*counts[i : i + 2]) for i in range(0, len(counts) - 1, 2)]
        counts = paired + counts[2 * len(paired) :]
    return counts[0].compute()


def write_files(folder: Path, number: int) -> tuple[list[Path], Counter[str]]:
    """Files of random words, and how often each word was written."""
    rng = random.Random(1)
    files, written = [], Counter[str]()
    for i in range(number):
        words = rng.choices(WORDS, weights=range(1, len(WORDS) + 1), k=1_000)
        written.update(words)
        files.append(folder / f"{i:04}.txt")
        files[-1].write_text("\n".join(" ".join(words[j : j + 10]) for j in range(0, len(words), 10)))
    return files, written


def main() -> None:
    """Count, and print the most frequent words."""
    if len(sys.argv) > 1:
        total = word_count([Path(name) for name in sys.argv[1:]])
    else:
        with tempfile.TemporaryDirectory() as folder:
            files, written = write_files(Path(folder), 200)
            start = time.perf_counter()
            total = word_count(files)
            print(f"{len(files)} files in {time.perf_counter() - start:.2f} s")
            assert total == written
    for word, times in total.most_common(5):
        print(f"{times:>8} {word}")


if __name__ == "__main__":
    main()
