"""Run the command line: `python -m truto_usage_nb`."""

import sys

from truto_usage_nb.cli import main

if __name__ == "__main__":
    sys.exit(main())
