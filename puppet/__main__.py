"""`python -m puppet` is `puppet`."""

import sys

from puppet.cli import main

if __name__ == "__main__":
    sys.exit(main())
