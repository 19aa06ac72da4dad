"""`python -m ebmark` is `ebmark`."""

import sys

from ebmark.cli import main

sys.exit(main())
