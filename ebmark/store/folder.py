"""Paths in the folder of a study."""

import contextlib
import os
from pathlib import Path

from ebmark.errors import UserError, shown
from ebmark.system.temporary_files import tag
from ebmark.system.writing import inside


def is_done(folder: Path, name: str) -> bool:
    """Return whether a run is complete: its folder, with the result in it, appears by renaming.

    Args:
        folder: the folder of the study.
        name: the id of the run.
    """
    return (folder / "runs" / name / "result.json").exists()


def check_has_runs(folder: Path) -> None:
    """Raise UserError if a study's folder has no runs, as that of a published study."""
    if not (folder / "runs").is_dir():
        raise UserError(
            f"{shown(folder, 200)}: has no folder 'runs', as a published study has only the table "
            "of its runs. Give the folder that `ebmark run` wrote, or see `ebmark report`."
        )


def making(folder: Path, name: str) -> Path:
    """Return the folder in which this process alone writes a run before it is renamed.

    Args:
        folder: the folder of the study.
        name: the id of the run.
    """
    return folder / "runs" / f".making-{name}-{tag()}"


def refuse_links_out(folder: Path) -> None:
    """Check that no link would lead the files of a run out of the folder of the study.

    Raises:
        UserError: the folder contains such a link.
    """
    for part in (".", "runs", "plugins"):
        with contextlib.suppress(FileNotFoundError), os.scandir(inside(folder, part)) as entries:
            for entry in entries:
                if entry.is_symlink():
                    inside(folder, os.path.join(part, entry.name))
