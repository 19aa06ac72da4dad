"""One thread per process: runs side by side are faster than runs of several threads each."""

import os
from pathlib import Path

_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NPROC": "1",  # XLA's thread pool
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_XLA_FLAGS = "--xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512"


def single(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment in which every library uses one thread and XLA its widest vectors.

    On processors with vectors of 512 bits XLA uses 256 by default, which makes a Langevin step 3%
    to 10% slower (`python -m benchmarks.samplers.langevin_variants`).

    Args:
        environment: the environment of the user, whose own XLA_FLAGS take precedence.
    """
    flags = f"{_XLA_FLAGS} {environment.get('XLA_FLAGS', '')}".strip()
    return {**environment, **_VARIABLES, "XLA_FLAGS": flags}


def pin(index: int, of: int) -> None:
    """Bind this process to a processor that it may use, where the system supports it.

    It is bound only if the processes use all processors. Otherwise two runs of one worker each
    would be bound to the same one.

    Args:
        index: the number of this process, from 0.
        of: how many processes there are.
    """
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if of >= len(allowed):
            os.sched_setaffinity(0, {allowed[index % len(allowed)]})


def cache_folder() -> Path:
    """Return the folder of compiled programs: $EBMARK_CACHE, or one in the user's cache folder."""
    if "EBMARK_CACHE" in os.environ:
        return Path(os.environ["EBMARK_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ebmark"


def keep_compiled_programs(name: str = "xla") -> None:
    """Enable JAX's persistent compilation cache, unless its folder cannot be created.

    Args:
        name: the folder within `cache_folder()`.
    """
    import jax

    folder = cache_folder() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
