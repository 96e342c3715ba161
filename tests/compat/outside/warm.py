"""A Python that has imported Dask already: every test starts one, and its start would cost more than the test.

``Warm`` runs this file as a process that listens at a socket, and writes a small executable that behaves like the
interpreter for ``python -c CODE``: it hands its standard streams, its environment and the code over, and waits. The
process forks, and the child runs the code as a fresh interpreter would.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

from process import die_with_the_tests

MODULES = """dask dask._expr dask._task_spec dask.order dask.delayed dask.bag dask.array dask.dataframe distributed
distributed.shuffle distributed.utils_test numpy pandas pyarrow""".split()
MESSAGE_BYTES_MAX = 1 << 22
START_S = 60

#: What stands for the interpreter: as little Python as will do, for it is started anew each time.
STAND_IN = """#!{python} -IS
import array, json, os, socket, sys
at = socket.socket(socket.AF_UNIX)
at.connect({address!r})
said = json.dumps({{"argv": sys.argv[1:], "environment": dict(os.environ), "folder": os.getcwd()}}).encode()
rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))]
at.sendmsg([len(said).to_bytes(8, "little")], rights)
at.sendall(said)
for stream in (0, 1):
    os.close(stream)
sys.exit(int(at.recv(16) or b"1"))
"""


class Warm:
    """The process, and ``python``, the path of what stands for the interpreter."""

    def __init__(self, folder: Path) -> None:
        address = folder / "warm"
        self.python = folder / "warm-python"
        self.python.write_text(STAND_IN.format(python=sys.executable, address=str(address)), encoding="utf-8")
        self.python.chmod(0o755)
        words = [sys.executable, str(Path(__file__).resolve()), str(address)]
        self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, preexec_fn=die_with_the_tests)
        deadline = time.monotonic() + START_S
        while not address.exists() and self.process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)


def serve(address: str) -> NoReturn:
    """Fork for whoever asks, until killed."""
    die_with_the_tests()
    for module in MODULES:
        try:
            __import__(module)
        except ImportError:
            continue
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address + ".new")
    listener.listen(64)
    os.rename(address + ".new", address)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asker, _ = listener.accept()
        if not os.fork():
            listener.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            watch(asker)
        asker.close()


def watch(asker: socket.socket) -> NoReturn:
    """Run what is asked for in a child, and tell its exit code; the child does not outlive who asked."""
    size, streams, _, _ = socket.recv_fds(asker, 8, 3)
    data = b""
    while len(data) < int.from_bytes(size, "little") <= MESSAGE_BYTES_MAX:
        data += asker.recv(1 << 16)
    pid = os.fork()
    if not pid:
        asker.close()
        become(json.loads(data), streams)
    for stream in streams:
        os.close(stream)
    ended = os.pidfd_open(pid)
    if ended not in select.select([ended, asker], [], [])[0]:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    try:
        asker.sendall(str(os.waitstatus_to_exitcode(status) & 255).encode())
    finally:
        os._exit(0)


def become(asked: dict[str, object], streams: list[int]) -> NoReturn:
    """Turn this process into the interpreter that was asked for."""
    import dask.config
    from distributed import utils

    # Importing distributed's test helpers has started a thread, which does not live on in a fork.
    utils._offload_executor = ThreadPoolExecutor(1, thread_name_prefix="Dask-Offload")
    die_with_the_tests()
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(asked["environment"])
    os.chdir(asked["folder"])
    sys.path[:0] = ["", *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    dask.config.refresh()
    code, status = 0, 0
    try:
        option, code, *rest = asked["argv"]
        assert option == "-c", "only python -c CODE is known"
        sys.argv[:] = [option, *rest]
        module = type(sys)("__main__")
        sys.modules["__main__"] = module
        exec(compile(code, "<string>", "exec"), module.__dict__)
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    serve(sys.argv[1])
