"""One process, one thread: side by side, cells run faster than two threads inside one would."""

import os
from pathlib import Path

_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NPROC": "1",  # XLA's thread pool
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_FLAGS = "--xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512"


def single(environment: dict[str, str]) -> dict[str, str]:
    """The environment with every library told to use one thread, and XLA its widest vectors.

    Where a processor has vectors of 512 bits XLA takes 256, unless told: a Langevin step took
    3 to 10 % longer (benchmarks/tried.py). What the user has set stands.
    """
    flags = f"{_FLAGS} {environment.get('XLA_FLAGS', '')}"
    return environment | _VARIABLES | {"XLA_FLAGS": flags.strip()}


def pin(index: int, of: int) -> None:
    """Bind this process, one `of` so many, to a processor that it may use (where the system can).

    Only where they take them all: fewer are left to the system, as two runs of one worker each
    would be bound to the same processor.
    """
    if hasattr(os, "sched_setaffinity"):
        allowed = sorted(os.sched_getaffinity(0))
        if of >= len(allowed):
            os.sched_setaffinity(0, {allowed[index % len(allowed)]})


def cache_folder() -> Path:
    """Where compiled programs are kept between runs: $EBMARK_CACHE, or the user's cache folder."""
    if "EBMARK_CACHE" in os.environ:
        return Path(os.environ["EBMARK_CACHE"])
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ebmark"


def keep_compiled_programs(name: str = "xla") -> None:
    """Turn JAX's persistent compilation cache on; a folder that cannot be made is done without."""
    import jax

    folder = cache_folder() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
