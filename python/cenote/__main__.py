"""The command `cenote`, which is also `python -m cenote`."""

import signal
import site
import sys

from cenote import _native


def main() -> int:
    """Run the command that the command line says, and return the code with which the process is to end."""
    # Python's own handler would only raise KeyboardInterrupt once the command has ended by itself.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return _native.run_command(["cenote", *sys.argv[1:]], sys.executable, [sys.prefix, *site.PREFIXES])


if __name__ == "__main__":
    sys.exit(main())
