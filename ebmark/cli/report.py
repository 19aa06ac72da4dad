"""`ebmark report`: rebuild the HTML report of a study."""

from pathlib import Path

from ebmark.cli._common import Positional, open_report


def report(folder: Positional[Path], /, reference: str | None = None, open: bool = False) -> int:
    """Rebuild the HTML report from saved results.

    Args:
        folder: a folder written by `ebmark run`.
        reference: the reference method of the comparisons; the study's first method if omitted.
        open: open the report in the browser.
    """
    from ebmark.cli.terminal_tables import print_answer
    from ebmark.report.page import write_report

    print(f"Report: {write_report(folder, reference)}\n")
    print_answer(folder)
    if open:
        open_report(folder)
    return 0
