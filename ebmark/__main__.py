"""`python -m ebmark` runs the command `ebmark`."""

import sys

from ebmark.cli.main import main

sys.exit(main())
