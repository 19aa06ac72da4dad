"""The progress of a study: a live bar, or plain lines where there is no terminal."""

import itertools
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ebmark.store.locks import running

_LINE_SECONDS = 10.0  # between two plain lines
_MAX_LOCKS = 32  # locks that are read, of the first runs that are not done
_MIN_PAUSE_SECONDS = 0.2  # between two readings of the locks
_PAUSE_RATIO = 20  # of the pause to the time that reading took: the disk is for the runs


class Progress:
    """Shows the runs done, the ones active and the time left."""

    def __init__(self, folder: Path, plan: dict[str, dict], done: set[str], *, plain: bool = False):
        self._folder = folder
        self._plan = plan
        self._num_done_before = len(done)
        self._started_at = time.monotonic()
        self._num_shown = len(done)
        self._shown_at = 0.0
        self._next_reading_at = 0.0
        console = Console(file=sys.stderr)
        self._live = None
        if console.is_terminal and not plain:
            self._live = Live(console=console, refresh_per_second=4, transient=True)
            self._live.start()
        if done:
            console.print(f"{len(done)} of {len(plan)} runs were done before", highlight=False)

    def show(self, done: set[str]) -> None:
        """Show the progress; rarely, where little is new or the disk is slow."""
        now = time.monotonic()
        if not self._is_due(now, len(done)):
            return
        pending = (name for name in self._plan if name not in done)
        locks = running(self._folder, list(itertools.islice(pending, _MAX_LOCKS)))
        lines = [self._describe(lock) for lock in locks]
        num_partly_done = sum(lock.get("fraction", 0) for lock in locks)
        summary = self._count(len(done)) + self._time_left(len(done), num_partly_done)
        if self._live is not None:
            self._live.update(self._bar(len(done), summary, lines))
        else:
            print(f"{summary}  {'; '.join(lines)}", file=sys.stderr, flush=True)
        self._num_shown = len(done)
        self._shown_at = time.monotonic()
        pause = max(_MIN_PAUSE_SECONDS, _PAUSE_RATIO * (self._shown_at - now))
        self._next_reading_at = self._shown_at + pause

    def close(self) -> None:
        """Remove the bar."""
        if self._live is not None:
            self._live.stop()

    def _is_due(self, now: float, num_done: int) -> bool:
        if now < self._next_reading_at:
            return False
        is_new = num_done > self._num_shown
        return self._live is not None or is_new or now >= self._shown_at + _LINE_SECONDS

    def _count(self, num_done: int) -> str:
        return f"{num_done} of {len(self._plan)} runs"

    def _describe(self, lock: dict[str, Any]) -> str:
        spec = self._plan[lock["name"]]
        run = f"{spec['method']} on {spec['dataset']}, seed {spec['seed']}"
        return f"{run}: {lock.get('what', 'starting')} {100 * lock.get('fraction', 0):.0f}%"

    def _time_left(self, num_done: int, num_partly_done: float) -> str:
        num_new = num_done - self._num_done_before
        if not num_new:
            return ""
        # Active runs count half of their fraction, as the work left in them is uncertain.
        seconds_per_run = (time.monotonic() - self._started_at) / (num_new + num_partly_done / 2)
        seconds = round(seconds_per_run * (len(self._plan) - num_done - num_partly_done / 2))
        return f", {seconds // 60} min {seconds % 60:02d} s left"

    def _bar(self, num_done: int, summary: str, lines: list[str]) -> Table:
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=len(self._plan), completed=num_done, width=40)
        grid.add_row(bar, Text(summary))
        for line in lines:
            grid.add_row("", Text(line, style="dim"))
        return grid
