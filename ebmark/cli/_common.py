"""What commands share: a plan run to its report, a person's plugins and points."""

import sys
from pathlib import Path
from typing import Any

import tyro

from ebmark.errors import UserError

Positional = tyro.conf.Positional

_STOPPED = 75  # the exit status of a run that has more to do: "try again", as sysexits.h has it


def run_to_report(
    folder: Path, plan: dict[str, dict], engine: Any, plain: bool, minutes: float | None = None
) -> int:
    """Run the plan on the engine, then print and report what it has; the exit status.

    After so many minutes it is stopped, and says what is left.
    """
    from ebmark.cli.terminal_tables import print_summary
    from ebmark.report.page import write_report
    from ebmark.studies.collect import finish
    from ebmark.studies.driver import run_plan

    try:
        ended = run_plan(folder, plan, engine, minutes=minutes, plain=plain)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from here", file=sys.stderr)
        return 130
    if ended.stopped:
        left = ended.planned - ended.done - len(ended.failed)
        print(
            f"stopped: {left} of {ended.planned} cells are left, and those that were running are "
            f"saved; the same command goes on from here (ebmark status {folder})",
            file=sys.stderr,
        )
        return _STOPPED
    if ended.done:
        finish(folder, plan)
        write_report(folder)
        print_summary(folder)
        print(f"\nThe report: {folder / 'report.html'}")
    for cell, reason in ended.failed.items():
        error = folder / "runs" / f"{cell}.error"
        print(f"ebmark: cell {cell} failed: {reason} (see {error})", file=sys.stderr)
    return 1 if ended.failed else 0


def load_plugins(plugin: tuple[Path, ...]) -> None:
    """A person's own methods and laws, entered beside the built-in ones."""
    if plugin:
        from ebmark.studies.plugins import load

        for path in plugin:
            load(path)


def read_own(path: Path) -> tuple[Any, str]:
    """The points of a person's file, and a name for them; what was done to them is told."""
    from ebmark.datasets import name_of
    from ebmark.datasets.tables import read_points

    points = read_points(path)
    for note in points.notes:
        print(f"note: {note}", file=sys.stderr)
    return points, name_of(path)


def checked_seed(seed: int) -> int:
    """The seed, if it is one."""
    if not 0 <= seed < 2**32:
        raise UserError(f"--seed must be from 0 to {2**32 - 1}, not {seed}")
    return seed


_MOST_COMPARED = 2_000  # points in the exact transport


def _say(notes) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
