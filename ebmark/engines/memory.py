"""The memory of a worker: compiled programs accumulate in it until they are dropped."""

import contextlib
import ctypes
import gc
import os
from pathlib import Path

MAX_BYTES = 2 * 2**30  # resident after a run; beyond it programs are dropped

_baseline = 0  # bytes that were still resident after programs were last dropped


def resident() -> int:
    """Return the resident memory of this process in bytes, or 0 if it is unknown."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def fills_maps() -> bool:
    """Return whether this process has half as many memory maps as Linux allows, or more.

    A compiled program has several. At the limit of 65,530, which takes some thousands of programs,
    XLA ends the process by a segmentation fault.
    """
    try:
        limit = int(Path("/proc/sys/vm/max_map_count").read_text())
        return Path("/proc/self/maps").read_text().count("\n") > limit // 2
    except (OSError, ValueError):
        return False


def bound(max_bytes: int = MAX_BYTES) -> bool:
    """Drop all compiled programs if too much memory is resident, or it has too many maps.

    The cache on disk keeps them.

    If more than `max_bytes` remain after that, programs are dropped again only when the memory has
    grown by half of `max_bytes`.

    Args:
        max_bytes: the resident memory in bytes beyond which programs are dropped.

    Returns:
        Whether they were dropped.
    """
    global _baseline
    is_small = resident() <= max(max_bytes, _baseline + max_bytes // 2)
    if is_small and not fills_maps():
        return False
    import jax

    jax.clear_caches()
    gc.collect()
    # return freed memory to the system; other C libraries have no malloc_trim
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    _baseline = resident()
    return True
