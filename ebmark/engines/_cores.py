"""The cores of this machine that this process may use."""

import os


def num_cores() -> int:
    """Return the number of cores that this process may use, as a scheduler allots them."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
