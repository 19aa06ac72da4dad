"""What a person sees while a study runs: a live bar, or plain lines where there is no terminal."""

import itertools
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ebmark.store.locks import running

_EVERY = 10.0  # seconds between two plain lines
_LOOKED_AT = 32  # cells, the first that are not done, whose claims are read
_QUIET = 20  # the time between two looks, in times of what one took: a disk is for the cells


class Progress:
    """The cells done, the ones running, and the time left."""

    def __init__(self, folder: Path, plan: dict[str, dict], done: set[str], *, plain: bool = False):
        self._folder, self._plan = folder, plan
        self._at_start, self._began = len(done), time.monotonic()
        self._shown, self._said, self._next = len(done), 0.0, 0.0
        console = Console(file=sys.stderr)
        self._live = None
        if console.is_terminal and not plain:
            self._live = Live(console=console, refresh_per_second=4, transient=True)
            self._live.start()
        if done:
            console.print(f"{len(done)} of {len(plan)} cells were done before", highlight=False)

    def show(self, done: set[str]) -> None:
        """Look, and say what is seen; seldom, where little is new or a look takes long."""
        now, new = time.monotonic(), len(done) > self._shown
        if now < self._next or (self._live is None and not new and now < self._said + _EVERY):
            return
        undone = itertools.islice((name for name in self._plan if name not in done), _LOOKED_AT)
        at_work = running(self._folder, list(undone))
        words = [self._words(claim) for claim in at_work]
        left = self._left(len(done), sum(claim.get("fraction", 0) for claim in at_work))
        if self._live is not None:
            self._live.update(self._bar(len(done), words, left))
        else:
            print(
                f"{self._count(len(done))}{left}  {'; '.join(words)}", file=sys.stderr, flush=True
            )
        self._shown, self._said = len(done), time.monotonic()
        self._next = self._said + max(0.2, _QUIET * (self._said - now))

    def close(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()

    def _count(self, done: int) -> str:
        return f"{done} of {len(self._plan)} cells"

    def _words(self, claim: dict) -> str:
        spec = self._plan[claim["name"]]
        what = f"{spec['method']} on {spec['dataset']}, seed {spec['seed']}"
        return f"{what}: {claim.get('what', 'starting')} {100 * claim.get('fraction', 0):.0f} %"

    def _left(self, done: int, partly: float) -> str:
        made = done - self._at_start
        if not made:
            return ""
        each = (time.monotonic() - self._began) / (made + partly / 2)
        seconds = round(each * (len(self._plan) - done - partly / 2))
        return f", {seconds // 60} min {seconds % 60:02d} s left"

    def _bar(self, done: int, words: list[str], left: str) -> Table:
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=len(self._plan), completed=done, width=40)
        grid.add_row(bar, Text(self._count(done) + left))
        for line in words:
            grid.add_row("", Text(line, style="dim"))
        return grid
