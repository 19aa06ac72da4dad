"""The memory of a long-lived worker: compiled programs pile up in it until they are dropped."""

import contextlib
import ctypes
import gc
import os
from pathlib import Path

MOST = 2 * 2**30  # bytes resident after a cell beyond which programs are dropped


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


_stays = 0  # bytes that were left when all programs had been dropped


def bound(most: int = MOST) -> bool:
    """Drop all compiled programs if too much is resident; the disk's cache has them still.

    What stays nevertheless is not dropped again: only half of `most` on top of it is.
    """
    global _stays
    if resident() <= max(most, _stays + most // 2):
        return False
    import jax

    jax.clear_caches()
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)  # or it keeps what was freed
    _stays = resident()
    return True
