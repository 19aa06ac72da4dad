"""A study's results as a small folder to commit or to hand in: its table, plan, words and report.

python -m ebmark.report.publish RUNS/NAME RESULTS/NAME

The table keeps seven digits, and leaves out the columns that plan.json and study.json say once:
versions, source and device. The cells' samples and energies stay behind; a sweep's report is made
without pictures of them.
"""

import io
import shutil
import sys
from pathlib import Path

from ebmark.errors import UserError
from ebmark.report.page import write_report
from ebmark.store import table
from ebmark.store.schema import load_study, read_plan
from ebmark.system.writing import make_folder, write_whole

_SAID_ELSEWHERE = ["ebmark", "jax", "code_hash", "device"]


def publish(folder: Path, place: Path, reference: str | None = None) -> int:
    """Write the small folder; its size in bytes. Raises UserError where the study is not whole."""
    plan, rows = read_plan(folder), table.read(folder)
    if missing := set(plan) - set(rows["run_id"]):
        raise UserError(
            f"{folder}: {len(missing)} of {len(plan)} cells are not in its table; the same "
            "`ebmark run` ends them, `ebmark report` enters them"
        )
    make_folder(place)
    for name in ("plan.json", "study.json"):
        shutil.copyfile(folder / name, place / name)
    text = io.StringIO()
    kept = rows.drop(columns=_SAID_ELSEWHERE, errors="ignore")
    kept.to_csv(text, index=False, na_rep="nan", lineterminator="\n", float_format="%.7g")
    write_whole(place / "results.csv", text.getvalue())
    if load_study(folder)["axes"]:  # a sweep: its table says all, the samples would be large
        write_report(place, reference)
        shutil.rmtree(place / "figures")
    else:
        write_whole(place / "report.html", write_report(folder, reference).read_bytes())
    return sum(path.stat().st_size for path in place.iterdir() if path.is_file())


def main() -> int:
    if len(sys.argv) not in (3, 4):
        print(__doc__, file=sys.stderr)
        return 2
    size = publish(*map(Path, sys.argv[1:3]), *sys.argv[3:])
    print(f"{sys.argv[2]}: {size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"publish: {error}")
