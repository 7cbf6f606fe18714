"""`python -m scenecart.cli`."""

import sys

from scenecart.cli import main

sys.exit(main())
