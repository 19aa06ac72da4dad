"""The command line: the command `ebmark X` is `cli/X.py`.

May import everything. A new command is one file and one line in `main.COMMANDS`; what it needs is
imported inside it, so that `--help` is fast.
"""

import os
import sys

# An empty entry of PYTHONPATH is the current folder, which may hold untrusted files.
_ENTRIES = os.environ.get("PYTHONPATH", "").split(os.pathsep)
if len(_ENTRIES) > 1 and {"", os.curdir} & set(_ENTRIES) or [os.curdir] == _ENTRIES:
    os.environ["PYTHONPATH"] = os.pathsep.join(e for e in _ENTRIES if e not in ("", os.curdir))
    sys.path[:] = [folder for folder in sys.path if folder and folder != os.path.realpath(".")]
