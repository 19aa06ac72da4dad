"""Where things lie in a study's folder."""

import contextlib
import os
from pathlib import Path

from ebmark.system.temporary_files import tag
from ebmark.system.writing import inside


def is_done(folder: Path, name: str) -> bool:
    """A cell's folder appears by rename, with its result in it: it is there whole, or not."""
    return (folder / "runs" / name / "result.json").exists()


def making(folder: Path, name: str) -> Path:
    """Where this process makes a cell, beside its place; nobody else does so there."""
    return folder / "runs" / f".making-{name}-{tag()}"


def refuse_links_out(folder: Path) -> None:
    """Raise UserError where what a run would write in a study's folder, a link leads elsewhere."""
    for part in (".", "runs", "plugins"):
        with contextlib.suppress(FileNotFoundError), os.scandir(inside(folder, part)) as entries:
            for entry in entries:
                if entry.is_symlink():
                    inside(folder, os.path.join(part, entry.name))
