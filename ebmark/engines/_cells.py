"""The cells of a study, as a worker runs them."""

import functools
from collections.abc import Callable
from pathlib import Path


def run(folder: Path, name: str, spec: dict, tell: Callable[[str, float], None]) -> None:
    """Run one cell; before the first, the compiled programs and the study's plugins are found."""
    _ready(folder)
    from ebmark.cell import run_cell

    run_cell(folder, name, spec, tell)


@functools.cache
def _ready(folder: Path) -> None:
    from ebmark import plugins, threads

    threads.keep_compiled_programs()
    plugins.load_kept(folder)
