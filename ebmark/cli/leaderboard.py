"""`ebmark leaderboard`: validate and rank results folders."""

from pathlib import Path

from ebmark.cli.tune import Positional
from ebmark.errors import UserError


def leaderboard(
    folders: Positional[tuple[Path, ...]],
    /,
    metric: str = "kl",
    reference: str | None = None,
    out: Path | None = None,
) -> int:
    """Check results folders, submissions of anybody, and rank their entries with intervals.

    Args:
        folders: what `ebmark run` wrote: results.csv, study.json, plan.json, and cells if kept.
        metric: what is ranked; less is better.
        reference: the entry that all are tested against, with Holm's correction.
        out: a page to write, .md or .html.
    """
    from ebmark.cli.terminal_tables import print_parts
    from ebmark.report.leaderboard import leaderboard as made
    from ebmark.report.leaderboard import write_page
    from ebmark.studies.submissions import checked_all

    if not folders:
        raise UserError("leaderboard wants folders that `ebmark run` wrote")
    if out is not None and out.suffix not in (".md", ".html"):
        raise UserError(f"{out}: a page ends in .md or .html")
    parts, notes = made(*checked_all(folders), metric, reference)
    print_parts(parts, notes)
    if out is not None:
        write_page(out, parts, notes)
        print(f"The page: {out}")
    return 0
