"""`python -m scenecart`."""

import sys

from scenecart.cli import main

if __name__ == "__main__":
    sys.exit(main())
