"""Fair timing: alternating rounds in one process, on one thread, in CPU seconds."""

import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ebmark.system import threads

# Does its work and returns the CPU seconds that count.
Task = Callable[[], float]


def use_one_thread(module: str) -> None:
    """Start `python -m module` again on one thread, unless it runs on one; call it before JAX."""
    # processors are counted before the environment of a running process can be changed
    if os.environ.get("NPROC") != "1":
        command = [sys.executable, "-m", module, *sys.argv[1:]]
        os.execve(sys.executable, command, threads.single(dict(os.environ)))


def measure_in_turn(tasks: dict[str, Task], repeats: int) -> dict[str, list[float]]:
    """Run all tasks in alternating rounds, after one warm-up round.

    A disturbance that lasts for a while then affects all tasks alike. On one thread, CPU seconds
    equal elapsed seconds on an idle machine.

    Args:
        tasks: the tasks by name.
        repeats: number of rounds.

    Returns:
        The seconds of each task, one value per round.
    """
    for task in tasks.values():
        task()
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(repeats):
        for name, task in tasks.items():
            seconds[name].append(task())
    return seconds


def make_task(work: Callable[[], object]) -> Task:
    """Return the task that counts all CPU seconds of the work."""

    def task() -> float:
        start = time.process_time()
        work()
        return time.process_time() - start

    return task


def median_seconds(
    function: Callable, *arguments: Any, repeats: int, clock: Callable[[], float]
) -> float:
    """Return the median seconds, by `clock`, of several calls after one that compiles."""
    # JAX reads the number of threads from the environment, which the caller may have set.
    import jax

    jax.block_until_ready(function(*arguments))
    seconds = []
    for _ in range(repeats):
        start = clock()
        jax.block_until_ready(function(*arguments))
        seconds.append(clock() - start)
    return float(np.median(seconds))


def ratio(seconds: list[float], reference: list[float]) -> tuple[float, float, float]:
    """Return the ratio of the medians, and the smallest and largest ratio within one round."""
    rounds = np.array(seconds) / np.array(reference)
    of_medians = float(np.median(seconds) / np.median(reference))
    return of_medians, float(rounds.min()), float(rounds.max())
