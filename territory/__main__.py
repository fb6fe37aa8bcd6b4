"""The command `territory`, which is `python -m territory` too: Ctrl-C while it imports ends it without a traceback."""

import signal
import sys


def main() -> int:
    """Import the command line and run it; returns the exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the system was told to ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the process ends; `territory.cli` takes over once it can answer
    from territory.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
