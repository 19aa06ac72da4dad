"""`python -m ebmark` is `ebmark`."""

import sys

from ebmark.cli.main import main

sys.exit(main())
