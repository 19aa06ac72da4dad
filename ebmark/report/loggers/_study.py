"""`ebmark log`: the finished cells that a logger does not have yet; again, as they finish."""

import time
from pathlib import Path

from ebmark.report.loggers._run import finished
from ebmark.store.schema import load_study, read_plan

_EVERY = 5.0  # seconds between two looks at a study that is still running


def log_study(folder: Path, writer, *, follow: bool = False) -> int:
    """Log what is finished, with `follow` until the whole plan is; how many cells were new."""
    new, seen = 0, set()
    load_study(folder)
    planned = set(read_plan(folder))
    while True:
        for run in finished(folder, seen):
            if not writer.has(run.cell):
                writer.log(run)
                new += 1
            seen.add(run.cell)
        if not follow or planned <= seen:
            return new
        time.sleep(_EVERY)
