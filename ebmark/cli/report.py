"""`ebmark report`: rebuild the report of a study."""

from pathlib import Path

from ebmark.cli._common import Positional


def report(folder: Positional[Path], /, reference: str | None = None) -> int:
    """Make the report of a study again, from its saved results; nothing is trained.

    Args:
        folder: the folder that `ebmark run` wrote.
        reference: the entry that all are compared with, in place of the study's first method.
    """
    from ebmark.report.page import write_report

    print(f"The report: {write_report(folder, reference)}")
    return 0
