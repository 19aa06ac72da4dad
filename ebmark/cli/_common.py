"""What several commands share: running a plan, user data and checks of options."""

import sys
import webbrowser
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import tyro

from ebmark.errors import UserError

if TYPE_CHECKING:
    from ebmark.datasets.tables import Points
    from ebmark.engines import Engine

Positional = tyro.conf.Positional

MAX_COMPARED = 1_000  # points of each sample in exact transport, by default
MAX_SEED = 2**32 - 1
UNFINISHED = 75  # exit status "try again" of sysexits.h


def run_to_report(
    folder: Path,
    plan: dict[str, dict],
    engine: "Engine",
    plain: bool,
    minutes: float | None = None,
) -> int:
    """Run the plan on the engine, then print and report its results.

    Args:
        folder: the folder of the study.
        plan: the spec of each run, by run id.
        engine: where the runs are executed.
        plain: print lines instead of a progress bar.
        minutes: stop after this time; runs that are left are resumed by the next call.

    Returns:
        The exit status: 0, or 1 if runs failed, 75 if runs are left, 130 if interrupted.
    """
    from ebmark.cli.terminal_tables import print_answer, print_summary
    from ebmark.report.page import write_report
    from ebmark.studies.collect import finish
    from ebmark.studies.driver import run_plan

    try:
        outcome = run_plan(folder, plan, engine, minutes=minutes, plain=plain)
    except KeyboardInterrupt:
        print("\nInterrupted. Repeat the command to resume.", file=sys.stderr)
        return 130
    if outcome.stopped:
        num_left = outcome.planned - outcome.done - len(outcome.failed)
        print(
            f"Stopped: {num_left} of {outcome.planned} runs are left; those in progress have a "
            f"checkpoint. Repeat the command to resume (progress: ebmark status {folder}).",
            file=sys.stderr,
        )
        return UNFINISHED
    if outcome.done:
        finish(folder, plan)
        write_report(folder)
        print_summary(folder)
        print(f"\nReport: {folder / 'report.html'}\n")
        print_answer(folder)
    for run_id, reason in outcome.failed.items():
        log = folder / "runs" / f"{run_id}.error"
        print(f"ebmark: run {run_id} failed: {reason} (see {log})", file=sys.stderr)
    return 1 if outcome.failed else 0


def open_report(folder: Path, status: int = 0) -> int:
    """Open the report of a study in the browser, if there is one, and return the status."""
    page = folder / "report.html"
    if page.exists() and not webbrowser.open(page.resolve().as_uri()):
        print(f"note: no browser was found; open {page} in one.", file=sys.stderr)
    return status


def read_user_data(path: Path) -> tuple["Points", str]:
    """Read a user's points and print the notes of the reader.

    Returns:
        The points, and the name of the dataset that they are.
    """
    from ebmark.datasets import name_of
    from ebmark.datasets.tables import read_points

    points = read_points(path)
    print_notes(points.notes)
    return points, name_of(path)


def check_seed(seed: int) -> int:
    """Return the seed. Raises UserError if it is out of range."""
    if not 0 <= seed <= MAX_SEED:
        raise UserError(f"--seed must be between 0 and {MAX_SEED}, not {seed}.")
    return seed


def check_positive(**options: float | None) -> None:
    """Raise UserError if an option that is given is not above 0; `num_jobs` stands for --num-jobs.

    Example:
        >>> check_positive(jobs=0)
        Traceback (most recent call last):
        ebmark.errors.UserError: --jobs must be at least 1, not 0.
    """
    for name, value in options.items():
        if value is not None and not value > 0:
            bound = "at least 1" if isinstance(value, int) else "above 0"
            raise UserError(f"--{name.replace('_', '-')} must be {bound}, not {value:g}.")


def print_notes(notes: Iterable[str]) -> None:
    """Print each note as a line of standard error."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
