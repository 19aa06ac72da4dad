"""Log the completed runs of a study that a logger does not have yet."""

import time
from pathlib import Path
from typing import Any

from ebmark.report.loggers._run import completed_runs
from ebmark.store.folder import check_has_runs
from ebmark.store.schema import load_study, read_plan

_POLL_SECONDS = 5.0  # between two checks of an active study


def log_study(folder: Path, writer: Any, *, follow: bool = False) -> int:
    """Log the completed runs of a study.

    Args:
        folder: the study's folder.
        writer: a `Logger`.
        follow: continue until all runs of the plan are completed and logged.

    Returns:
        How many runs were new.

    Raises:
        UserError: if the folder has no runs, as that of a published study.
    """
    load_study(folder)
    check_has_runs(folder)
    planned = set(read_plan(folder))
    seen: set[str] = set()
    num_new = 0
    while True:
        for run in completed_runs(folder, seen):
            if not writer.has(run.run_id):
                writer.log(run)
                num_new += 1
            seen.add(run.run_id)
        if not follow or planned <= seen:
            return num_new
        time.sleep(_POLL_SECONDS)
