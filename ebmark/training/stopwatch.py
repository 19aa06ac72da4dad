"""A stopwatch for elapsed and CPU time."""

import time
from types import TracebackType

import numpy as np
from jaxtyping import Float


class Stopwatch:
    """Add the elapsed and CPU seconds spent in its `with` blocks to `seconds`, shape (2,)."""

    def __init__(self, seconds: Float[np.ndarray, "2"] | None = None) -> None:
        self.seconds = np.zeros(2) if seconds is None else seconds

    def __enter__(self) -> "Stopwatch":
        self._start = _clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.seconds += _clock() - self._start


def _clock() -> Float[np.ndarray, "2"]:
    return np.array([time.perf_counter(), time.process_time()])
