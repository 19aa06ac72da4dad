"""`ebmark leaderboard`: validate and rank result folders."""

from pathlib import Path

from ebmark.cli._common import Positional
from ebmark.errors import UserError


def leaderboard(
    folders: Positional[tuple[Path, ...]],
    /,
    metric: str = "kl",
    reference: str | None = None,
    out: Path | None = None,
) -> int:
    """Validate and rank result folders.

    Args:
        folders: folders written by `ebmark run`, with results.csv, study.json and plan.json.
        metric: the metric to rank by, lowest or highest first as its direction says.
        reference: the reference method of the significance tests (Holm-adjusted).
        out: a page to write, .md or .html.
    """
    from ebmark.cli.terminal_tables import print_parts
    from ebmark.report.leaderboard import leaderboard as rank
    from ebmark.report.leaderboard import write_page
    from ebmark.studies.submissions import checked_all

    if not folders:
        raise UserError("leaderboard requires at least one folder written by `ebmark run`.")
    if out is not None and out.suffix not in (".md", ".html"):
        raise UserError(f"--out {out}: unknown format. Use a name that ends in .md or .html.")
    submissions, refused = checked_all(folders)
    parts, notes = rank(submissions, refused, metric, reference)
    print_parts(parts, notes)
    if out is not None:
        write_page(out, parts, notes)
        print(f"Page: {out}")
    return 0
