"""A folder with a report, which several modules read."""

import fcntl
import os

import pytest
from helpers.results_folder import build

from ebmark.report.page import write_report


@pytest.fixture(scope="session")
def toy(tmp_path_factory):
    """Return the folder; all workers share it, since its report takes half a minute."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "toy"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "report.html").exists():
            folder.mkdir(exist_ok=True)
            write_report(build(folder, seeds=6, points=200, grid=40))
    return folder
