"""Starts stock workers quickly: a process that has imported everything forks, and the child runs ``dask worker``.

It reads a line of JSON for each worker, its arguments and the file for what it prints, and answers with its process id.
"""

import ctypes
import json
import os
import signal
import sys


def main():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # it dies with who started it
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    import numpy  # noqa: F401
    from distributed.cli.dask_worker import main as worker

    for line in sys.stdin:
        arguments, log = json.loads(line)
        pid = os.fork()
        if pid == 0:
            run(worker, arguments, log)
        print(pid, flush=True)


def run(worker, arguments, log):
    """The life of a worker; it never returns."""
    try:
        os.setsid()
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        for stream, file in ((0, os.open(os.devnull, os.O_RDONLY)), (1, output), (2, output)):
            os.dup2(file, stream)
        worker(arguments, standalone_mode=False)
    finally:
        sys.stderr.flush()
        os._exit(0)


if __name__ == "__main__":
    main()
