"""How a run is asked to stop: its time is up, or a SIGTERM comes, as from a batch system."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

from ebmark.engines import stop_file


class Stop:
    """Whether a run was asked to stop; its workers hear of it by a file."""

    def __init__(self, folder: Path):
        self._file, self.asked = stop_file(folder), False

    @property
    def heard(self) -> bool:
        """Whether the workers can know: not where the disk is full or read-only."""
        return self._file.exists()

    def ask(self) -> None:
        self.asked = True
        with contextlib.suppress(OSError):
            self._file.touch()

    def forget(self) -> None:
        """Take the file away: it may be left of a process that had our number."""
        with contextlib.suppress(OSError):
            self._file.unlink()


@contextlib.contextmanager
def stopping(folder: Path, minutes: float | None) -> Iterator[Stop]:
    """Ask to stop after so many minutes, if any are given, and on SIGTERM."""
    stop = Stop(folder)
    stop.forget()
    timer = threading.Timer(60 * (minutes or 0), stop.ask)
    timer.daemon = True
    if minutes is not None:
        timer.start()
    ours = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, lambda *_: stop.ask()) if ours else None
    try:
        yield stop
    finally:
        timer.cancel()
        if ours:
            signal.signal(signal.SIGTERM, before)
        stop.forget()
