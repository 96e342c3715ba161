"""Runs every scenario of this folder, or those that are named, and says which went well.

    python tests/chaos/run.py [NAME ...]

A scenario is a program that hurts a cluster of real processes, prints what happened, and fails when a value is wrong,
an error is not the right one, or something hangs.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
PARTS = {"run", "cluster", "work", "nursery", "mixed_work", "herd", "soak"}
SECONDS_MAX = 600


def main():
    # The scenario that runs is killed on the way out, and the kernel kills what it has started.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    names = sys.argv[1:] or sorted(path.stem for path in HERE.glob("*.py") if path.stem not in PARTS)
    failed = []
    for name in names:
        print(f"== {name}", flush=True)
        began = time.monotonic()
        try:
            code = subprocess.run(
                [sys.executable, str(HERE / f"{name}.py")], timeout=SECONDS_MAX, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            code = f"no end after {SECONDS_MAX} s"
        print(
            f"== {name}: {'well' if code == 0 else f'FAILED ({code})'} in {time.monotonic() - began:.1f} s", flush=True
        )
        if code != 0:
            failed.append(name)
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")
    print(f"all {len(names)} went well")


if __name__ == "__main__":
    main()
