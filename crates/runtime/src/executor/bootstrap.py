"""Starts the executor: given to `python -c`. Takes the package from standard input, and says clearly what it lacks.

Standard input and output become the channel to the scheduler; what is printed goes to standard error.
"""

import os
import signal
import sys


def take(count: int) -> bytes:
    """The next bytes of standard input."""
    data = b""
    while len(data) < count:
        piece = os.read(0, count - len(data))
        if not piece:
            sys.exit(0)
        data += piece
    return data


def load(sources: list[tuple[str, str]]) -> None:
    """Makes modules of their sources, each followed by those that import it."""
    import linecache
    import types

    for name, source in sources:
        module = types.ModuleType(name)
        file = f"<{name}>"
        module.__file__ = file
        module.__path__ = []
        sys.modules[name] = module
        linecache.cache[file] = (len(source), None, source.splitlines(True), file)
        exec(compile(source, file, "exec"), module.__dict__)


def refuse(out: int, error: Exception) -> None:
    """Says why there can be no executor: a message written by hand, for msgpack may be what is missing."""
    text = f"the executor cannot start: {type(error).__name__}: {error}"
    if isinstance(error, ImportError):
        text += f"; install what is missing for {sys.executable} (python -m pip install dask distributed)"
        text += " or name another interpreter with --python"
    said = text.encode()
    head = b"\x81\xa5fatal\xdb" + len(said).to_bytes(4, "big") + said
    words = (16 + len(head), 1, len(head))
    os.write(out, b"".join(word.to_bytes(8, "little") for word in words) + head)
    sys.exit(3)


def main() -> None:
    """Runs the executor until the scheduler closes the channel."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sources = []
    for _ in range(int.from_bytes(take(8), "little")):
        name = take(int.from_bytes(take(8), "little")).decode()
        sources.append((name, take(int.from_bytes(take(8), "little")).decode()))
    into, out = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    try:
        load(sources)
        from cenote_executor.service import serve
    except Exception as error:
        refuse(out, error)
    serve(into, out)


main()
