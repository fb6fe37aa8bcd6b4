"""`python -m territory`: the command line."""

import sys

from territory.cli import main

sys.exit(main())
