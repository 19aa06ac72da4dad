"""Remove the damaged files of a study, so that its command creates them again."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NotRequired

import pydantic
from typing_extensions import TypedDict

from ebmark.errors import DamagedError, shown
from ebmark.store.fields import Digest
from ebmark.store.folder import making
from ebmark.system import listed_files
from ebmark.system.checksums import sha256
from ebmark.system.reading import REPAIR, check_seal, read_bytes, read_json

_DOCUMENTS = ("plan.json", "study.json", "tuning.json", "tuned.json")
_RUN_FILES = ("energy.ebm", "samples.npz", "spec.json")
_MAX_BYTES = 4 << 30


class _AnyResult(TypedDict):
    """The `result.json` of a run or of a search."""

    files: NotRequired[dict[str, Digest]]


_ANY_RESULT = pydantic.TypeAdapter(_AnyResult)


def remove_damaged(folder: Path, names: Iterable[str]) -> list[str]:
    """Remove what is damaged in the folder of a study, and return one note per removed file or run.

    Complete files stay, and so do runs that are not among the names.

    Args:
        folder: the folder of the study.
        names: the ids of its runs.

    Raises:
        UserError: a file cannot be read or removed, or another version of ebmark wrote it.
    """
    notes = [f"{folder / name}: removed (damaged)." for name in listed_files.remove_damaged(folder)]
    documents = [folder / name for name in _DOCUMENTS]
    documents += [folder / "runs" / f"{name}.trials.json" for name in names]
    for path in documents:
        try:
            check_seal(path, read_bytes(path))
        except FileNotFoundError:
            pass
        except DamagedError:
            path.unlink()
            notes.append(f"{path}: removed (damaged).")
    for name in names:
        # otherwise another repair could remove the run that replaced the damaged one
        with listed_files.locked_folder(folder / "runs"):
            try:
                check_run(folder, name)
            except DamagedError as error:
                aside = making(folder, f"{name}-damaged")
                os.replace(folder / "runs" / name, aside)
                shutil.rmtree(aside, ignore_errors=True)
                notes.append(f"{str(error).removesuffix(REPAIR).strip()} The run is repeated.")
    return notes


def check_run(folder: Path, name: str) -> None:
    """Check the files of a run, if it is complete.

    Args:
        folder: the folder of the study.
        name: the id of the run.

    Raises:
        DamagedError: a file of the run is damaged.
    """
    place = folder / "runs" / name
    try:
        files = read_json(place / "result.json", _ANY_RESULT).get("files", {})
    except FileNotFoundError:
        return
    for file in _RUN_FILES:
        try:
            content = read_bytes(place / file, _MAX_BYTES)
        except FileNotFoundError:
            continue
        if sha256(content) != files.get(file):
            raise DamagedError(
                f"{shown(place / file, 200)}: damaged (its checksum is not that in result.json). "
                f"{REPAIR}"
            )
