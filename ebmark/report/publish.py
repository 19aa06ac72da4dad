"""Publish a study as a small folder to commit or to submit: table, plan, description and report.

python -m ebmark.report.publish STUDY_FOLDER RESULTS_FOLDER [REFERENCE_METHOD]

The compressed table keeps seven digits, and no columns that plan.json and study.json contain once:
versions, code hash and device. Samples and energies of the runs are left out.
"""

import shutil
import sys
from pathlib import Path

from ebmark.errors import UserError
from ebmark.report.page import write_report
from ebmark.store import table
from ebmark.store.schema import read_plan
from ebmark.system.writing import make_folder

_REDUNDANT = ["ebmark", "jax", "code_hash", "device"]


def publish(folder: Path, place: Path, reference: str | None = None) -> int:
    """Write the small folder of a study.

    Args:
        folder: the study's folder.
        place: where the small folder is written.
        reference: the reference method of the report.

    Returns:
        Its size in bytes.

    Raises:
        UserError: if the table does not have all runs of the plan.
    """
    plan = read_plan(folder)
    rows = table.read(folder)
    if missing := set(plan) - set(rows["run_id"]):
        raise UserError(
            f"{folder}: {len(missing)} of {len(plan)} runs are not in the table. Repeat the "
            "`ebmark run` command to complete them, or `ebmark report` to collect them."
        )
    make_folder(place)
    for name in ("plan.json", "study.json"):
        shutil.copyfile(folder / name, place / name)
    kept = rows.drop(columns=_REDUNDANT, errors="ignore")
    table.write_compressed(place, kept)
    write_report(folder, reference, place)
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def main() -> int:
    """Publish the study named on the command line."""
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    folder, place, *reference = sys.argv[1:]
    size = publish(Path(folder), Path(place), *reference)
    print(f"{place}: {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"publish: {error}")
