"""The command `territory`, from its first moment on: Ctrl-C ends it without a traceback.

It stands beside the package, since importing the package already takes a tenth of a second.
"""

import signal


def main() -> int:
    """Import the command line and run it; returns the exit status."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else the system was told to ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # the process ends; `territory.cli` takes over once it can answer
    from territory.cli import main

    return main()
