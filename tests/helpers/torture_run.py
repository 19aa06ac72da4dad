"""`ebmark run` with workers that write checkpoints often, so that a kill finds one.

python torture_run.py STUDY.toml FOLDER
"""

import functools
import sys
from pathlib import Path

from ebmark.cli._common import run_to_report
from ebmark.engines import new_engine
from ebmark.errors import UserError
from ebmark.studies.prepare import prepare
from ebmark.studies.study import read_study


def run(folder, name, spec, report_progress):
    """Execute a run as `ebmark run` does, with a checkpoint every 0.1 s."""
    import ebmark.training.early_stopping
    from ebmark.studies import task
    from ebmark.training.loop import train

    ebmark.training.early_stopping.train = functools.partial(train, save_every=0.1)
    task.run(folder, name, spec, report_progress)


def main() -> int:
    folder = Path(sys.argv[2])
    engine = new_engine("processes", folder, jobs=2, runner="helpers.torture_run:run")
    try:
        plan = prepare(read_study(Path(sys.argv[1])), folder, None, "", "ebmark run")
        return run_to_report(folder, plan, engine, plain=True)
    except UserError as error:
        print(f"ebmark: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
