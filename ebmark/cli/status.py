"""`ebmark status`: show progress of a study."""

from pathlib import Path

from ebmark.cli._common import Positional


def status(folder: Positional[Path], /, watch: bool = False) -> int:
    """Show progress of a study.

    Args:
        folder: the folder of a study, on this or a shared file system.
        watch: repeat until all runs are finished.
    """
    from ebmark.cli._status import show_status

    return show_status(folder, watch)
