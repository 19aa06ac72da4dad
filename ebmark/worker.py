"""A worker: it takes the cells of a study's plan that nobody has taken, until none is left.

    python -m ebmark.worker FOLDER INDEX

Any number of them, started by anyone on machines that share the folder, work on one study.
"""

import json
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from ebmark import threads
from ebmark.claims import claimed, is_done
from ebmark.files import write_whole


def main() -> int:
    folder, index = Path(sys.argv[1]), int(sys.argv[2])
    threads.pin(index)
    _die_with(os.getppid())
    threads.keep_compiled_programs()
    from ebmark import plugins
    from ebmark.cell import run_cell

    plugins.load_kept(folder)
    plan = json.loads((folder / "plan.json").read_text())
    for name, spec in plan.items():
        if is_done(folder, name):
            continue
        with claimed(folder, name) as claim:
            if claim is None:
                continue
            error = folder / "cells" / f"{name}.error"
            claim.tell("starting", 0.0)
            try:
                run_cell(folder, name, spec, claim.tell)
                error.unlink(missing_ok=True)
            except Exception:  # told, written down, and the others go on
                write_whole(error, traceback.format_exc())
    return 0


def _die_with(parent: int) -> None:
    """End this process when its parent is gone, so that a killed run leaves no orphans."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


if __name__ == "__main__":
    sys.exit(main())
