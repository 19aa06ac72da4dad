"""Stop requests: the time is up, or SIGTERM arrives, as from a batch system."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from ebmark.engines import stop_file


class StopRequest:
    """Whether this process was asked to stop; its workers are told by a file."""

    def __init__(self, folder: Path):
        self._file = stop_file(folder)
        self.is_requested = False

    @property
    def reaches_workers(self) -> bool:
        """Whether the file exists: it does not where the disk is full or read-only."""
        return self._file.exists()

    def send(self) -> None:
        """Ask this process and its workers to stop."""
        self.is_requested = True
        with contextlib.suppress(OSError):
            self._file.touch()

    def clear(self) -> None:
        """Remove the file, also one left by an earlier process with the same process id."""
        with contextlib.suppress(OSError):
            self._file.unlink()


@contextlib.contextmanager
def stopping(folder: Path, minutes: float | None) -> Iterator[StopRequest]:
    """Yield a request that is sent after `minutes`, if any are given, and on SIGTERM."""
    request = StopRequest(folder)
    request.clear()
    timer = threading.Timer(60 * (minutes or 0), request.send)
    timer.daemon = True
    if minutes is not None:
        timer.start()
    try:
        with _sigterm_handled(request):
            yield request
    finally:
        timer.cancel()
        request.clear()


@contextlib.contextmanager
def _sigterm_handled(request: StopRequest) -> Iterator[None]:
    """Send the request on SIGTERM. Python allows signal handlers only in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous_handler = signal.signal(signal.SIGTERM, lambda *_: request.send())
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous_handler)
