"""What a person sees while a study runs: a live bar, or plain lines where there is no terminal."""

import sys
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ebmark.claims import is_done, running

_EVERY = 10.0  # seconds between two plain lines


class Progress:
    """The cells done, the ones running, and the time left."""

    def __init__(self, folder: Path, plan: dict[str, dict], *, plain: bool = False):
        self._folder, self._plan = folder, plan
        self._done = {name for name in plan if is_done(folder, name)}
        self._at_start, self._began = len(self._done), time.monotonic()
        self._last_line = 0.0
        console = Console(file=sys.stderr)
        self._live = None
        if console.is_terminal and not plain:
            self._live = Live(console=console, refresh_per_second=4, transient=True)
            self._live.start()
        if self._at_start:
            console.print(
                f"{self._at_start} of {len(plan)} cells were done before", highlight=False
            )

    def show(self) -> None:
        """Look, and say what is seen."""
        new = {n for n in self._plan if n not in self._done and is_done(self._folder, n)}
        self._done |= new
        at_work = running(self._folder, [name for name in self._plan if name not in self._done])
        words = [self._words(claim) for claim in at_work]
        left = self._left(sum(claim.get("share", 0) for claim in at_work))
        if self._live is not None:
            self._live.update(self._bar(words, left))
        elif new or time.monotonic() - self._last_line > _EVERY:
            self._last_line = time.monotonic()
            print(f"{self._count()}{left}  {'; '.join(words)}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Take the bar away."""
        if self._live is not None:
            self._live.stop()

    def _count(self) -> str:
        return f"{len(self._done)} of {len(self._plan)} cells"

    def _words(self, claim: dict) -> str:
        spec = self._plan[claim["name"]]
        what = f"{spec['method']} on {spec['dataset']}, seed {spec['seed']}"
        return f"{what}: {claim.get('what', 'starting')} {100 * claim.get('share', 0):.0f} %"

    def _left(self, partly: float) -> str:
        made = len(self._done) - self._at_start
        if not made:
            return ""
        each = (time.monotonic() - self._began) / (made + partly / 2)
        seconds = round(each * (len(self._plan) - len(self._done) - partly / 2))
        return f", {seconds // 60} min {seconds % 60:02d} s left"

    def _bar(self, words: list[str], left: str) -> Table:
        grid = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=len(self._plan), completed=len(self._done), width=40)
        grid.add_row(bar, Text(self._count() + left))
        for line in words:
            grid.add_row("", Text(line, style="dim"))
        return grid
