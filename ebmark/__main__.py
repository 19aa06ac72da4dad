"""`python -m ebmark` runs the command `ebmark`."""

import os
import sys

# The first folder of modules is the current one, which may hold untrusted files.
if not sys.flags.safe_path and os.path.exists(sys.path[0]) and os.path.samefile(sys.path[0], "."):
    del sys.path[0]

from ebmark.cli.main import main

sys.exit(main())
