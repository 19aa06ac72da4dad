"""The task of a worker: one run of a study, or one search for a recipe."""

import functools
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ebmark.engines import memory
from ebmark.errors import UserError
from ebmark.system.flags import xla_flags


def run(folder: Path, name: str, spec: dict[str, Any], tell: Callable[[str, float], None]) -> None:
    """Execute one run, or one search for a recipe.

    Before the first one, the cache of compiled programs and the study's plugins are loaded; after
    each, compiled programs are dropped if they fill the memory.
    """
    _check_flags(spec)
    _load(folder, tuple(spec.get("plugins", {}).items()))
    # Imported here because JAX must start with the settings above.
    from ebmark.studies.run import execute_run
    from ebmark.studies.tuning.search import run_search

    execute = run_search if "search" in spec else execute_run
    execute(folder, name, spec, tell)
    memory.bound()


def _check_flags(spec: dict[str, Any]) -> None:
    planned, flags = spec.get("xla_flags", []), xla_flags(os.environ)
    if flags != planned:
        raise UserError(
            f"XLA_FLAGS of this worker has {flags}, but the run was planned with {planned}. "
            "Set the same flags for the command and its workers."
        )


@functools.cache
def _load(folder: Path, origins: tuple[tuple[str, str], ...]) -> None:
    from ebmark.studies import plugins
    from ebmark.system import threads

    threads.keep_compiled_programs()
    plugins.load_kept(folder, dict(origins))
