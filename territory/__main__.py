"""The command `territory`, which is `python -m territory` too."""

import sys


def main() -> int:
    """Import the command line and run it; returns the exit status."""
    from territory.cli import main

    return main()


if __name__ == "__main__":
    sys.exit(main())
