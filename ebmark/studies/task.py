"""The cells of a study, as a worker runs them."""

import functools
from collections.abc import Callable
from pathlib import Path

from ebmark.engines import memory


def run(folder: Path, name: str, spec: dict, tell: Callable[[str, float], None]) -> None:
    """Run one cell, or one search for a recipe.

    Before the first, the compiled programs and the study's plugins are found; after each, they are
    dropped from memory if they fill it.
    """
    _ready(folder, frozenset(spec.get("plugins", {}).values()))
    from ebmark.studies.run import execute_run
    from ebmark.studies.tuning.search import run_search

    run_it = run_search if "search" in spec else execute_run
    run_it(folder, name, spec, tell)
    memory.bound()


@functools.cache
def _ready(folder: Path, wanted: frozenset[str]) -> None:
    from ebmark.studies import plugins
    from ebmark.system import threads

    threads.keep_compiled_programs()
    plugins.load_kept(folder, wanted)
