"""Measuring rivals fairly: turn by turn, on one thread, in one process, by CPU seconds."""

import time
from collections.abc import Callable

import numpy as np

Task = Callable[[], float]  # does its work; its CPU seconds, without what is not asked


def in_turn(tasks: dict[str, Task], repeats: int) -> dict[str, list[float]]:
    """The seconds of each task, `repeats` rounds of all in turn, after one round that warms up.

    On one thread CPU seconds are the wall's on a machine that does nothing else. What disturbs it
    for a while (a neighbour on the same core) then disturbs them all.
    """
    for task in tasks.values():
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            seconds[name].append(task())
    return seconds


def timed(work: Callable[[], object]) -> Task:
    """The task whose seconds are those of the whole work."""

    def task() -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    return task


def median(function, *arguments, repeats: int, clock: Callable[[], float]) -> float:
    """Seconds by `clock` of a call: the median of several, after a first one that compiles."""
    import jax  # not before the environment says how many threads it may have

    jax.block_until_ready(function(*arguments))
    found = []
    for _ in range(repeats):
        began = clock()
        jax.block_until_ready(function(*arguments))
        found.append(clock() - began)
    return float(np.median(found))


def ratio(theirs: list[float], ours: list[float]) -> tuple[float, float, float]:
    """Ratio of the medians, and the smallest and largest ratio within one round."""
    rounds = np.array(theirs) / np.array(ours)
    return float(np.median(theirs) / np.median(ours)), float(rounds.min()), float(rounds.max())
