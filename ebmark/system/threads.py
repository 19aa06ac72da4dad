"""One thread per process: runs side by side are faster than runs of several threads each."""

import os
import warnings
from contextlib import AbstractContextManager
from pathlib import Path

_VARIABLES = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "NPROC": "1",  # XLA's thread pool, which also compiles
    "TF_CPP_MIN_LOG_LEVEL": "2",
}
_NVIDIA_DRIVER = Path("/proc/driver/nvidia")
_XLA_FLAGS = "--xla_cpu_multi_thread_eigen=false --xla_cpu_prefer_vector_width=512"


def single(environment: dict[str, str]) -> dict[str, str]:
    """Return the environment in which every library uses one thread and XLA its widest vectors.

    Threads of one process wait for each other: with one thread and another process on the machine,
    `ebmark fit` of 178 rows takes half of the CPU seconds. Where JAX uses an NVIDIA GPU, XLA keeps
    its threads: programs of a GPU take one thread long to compile.
    On processors with vectors of 512 bits XLA uses 256 by default, which makes a Langevin step 3%
    to 10% slower (`python -m benchmarks.samplers.langevin_variants`).

    Args:
        environment: the environment of the user, whose own XLA_FLAGS take precedence.
    """
    flags = environment.get("XLA_FLAGS", "")
    if not flags.startswith(_XLA_FLAGS):
        flags = f"{_XLA_FLAGS} {flags}".strip()
    variables = {**environment, **_VARIABLES, "XLA_FLAGS": flags}
    platforms = environment.get("JAX_PLATFORMS", "")
    if "cuda" in platforms or not platforms and _NVIDIA_DRIVER.exists():
        del variables["NPROC"]
    return variables


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


def one_thread() -> AbstractContextManager:
    """Return a context in which loaded libraries of OpenMP and BLAS use one thread.

    The threads of scikit-learn wait for each other in a loop: with another process on one of the
    cores, they take many times as long as one thread. Import the library before.
    """
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def user_folder(variable: str, name: str) -> Path:
    """Return a folder of the user's files that follows the XDG base directory specification.

    A user id without a passwd entry and without HOME has the home `/`, as in containers. Relative
    paths are ignored, since the current folder may hold untrusted files.

    Args:
        variable: the environment variable that names the folder.
        name: the folder within the user's home, if the variable does not name one.
    """
    named = Path(os.environ.get(variable) or ".")
    if named.is_absolute():
        return named
    try:
        home = Path.home()
    except RuntimeError:
        home = Path("/")
    return Path("/") / home / name


def cache_folder() -> Path:
    """Return the folder of compiled programs: $EBMARK_CACHE, or one in the user's cache folder."""
    if "EBMARK_CACHE" in os.environ:
        return Path(os.environ["EBMARK_CACHE"])
    return user_folder("XDG_CACHE_HOME", ".cache") / "ebmark"


def keep_compiled_programs(name: str = "xla") -> None:
    """Enable JAX's persistent compilation cache, unless its folder cannot be created.

    Args:
        name: the folder within `cache_folder()`.
    """
    import jax

    # a damaged entry, as of a killed process, is compiled again
    warnings.filterwarnings("ignore", "Error (reading|writing) persistent compilation cache")
    folder = cache_folder() / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
