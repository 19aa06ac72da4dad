"""`ebmark status`: progress of a study."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from ebmark.cli._common import Positional
from ebmark.errors import shown
from ebmark.store.status import Status, read_status


def status(folder: Positional[Path], /, watch: bool = False) -> int:
    """How a study stands: cells done, running, failed, diverged, how fast, how long still.

    Args:
        folder: the folder that `ebmark run` writes, seen from any machine.
        watch: look again and again until all is done.
    """

    return show_status(folder, watch)


_EVERY = 2.0  # seconds between two looks
_MOST = 20  # lines of a kind


def lines(status: Status, now: float) -> list[str]:
    """The status in words, the main thing first."""
    said = [_count(status), _pace(status)]
    said += _listed("running", [_at_work(status, one, now) for one in status.running])
    for what, cells in (("failed", status.failed), ("diverged", status.diverged)):
        said += _listed(
            what, [f"{_cell(status, n)}: {shown(why, 300)}" for n, why in cells.items()]
        )
    return said


def show_status(folder: Path, watch: bool) -> int:
    """`ebmark status`: print it once, or, with `watch`, until nothing is left to wait for."""
    console, known = Console(), {}
    status = read_status(folder, known)
    if not watch:
        _print(lines(status, time.time()))
    elif console.is_terminal:
        with Live(console=console, refresh_per_second=2) as live:
            live.update(_drawn(status))
            while status.left:
                time.sleep(_EVERY)
                status = read_status(folder, known)
                live.update(_drawn(status))
    else:
        _print(before := lines(status, time.time())[:2])
        while status.left:
            time.sleep(_EVERY)
            status = read_status(folder, known)
            said = lines(status, time.time())[:2]
            if said[0] != before[0]:
                _print(before := said)
    return 0


def _drawn(status: Status) -> Group:
    first, *rest = lines(status, time.time())
    bar = ProgressBar(total=len(status.study["runs"]), completed=len(status.done), width=60)
    return Group(Text(first), bar, *map(Text, rest))


def _print(said: Iterable[str]) -> None:
    print("\n".join(said), file=sys.stdout, flush=True)


def _count(status: Status) -> str:
    waiting = len(status.left) - len(status.running)
    counts = {"running": len(status.running), "waiting": max(waiting, 0)}
    counts |= {"failed": len(status.failed), "diverged": len(status.diverged)}
    of = f"{len(status.done)} of {len(status.study['runs'])} cells done"
    more = [f"{number} {what}" for what, number in counts.items() if number]
    return f"{shown(status.study['name'])}: {', '.join([of, *more])}"


def _pace(status: Status) -> str:
    """How fast it goes, and what is to be done where it does not."""
    if not status.left:
        again = f"the same command tries them again: {shown(status.study['command'], 300)}"
        return f"some failed; {again}" if status.failed else "all is done"
    seconds, workers = status.seconds_left(), len(status.running)
    if not workers:
        work = f" (about {_duration(seconds)} of work for one process)" if seconds else ""
        command = shown(status.study["command"], 300)
        return f"nobody is at work{work}; it goes on with: {command}"
    if not seconds:
        return "no cell is done yet, so the time that is left is not known"
    rate = 3600 * workers * len(status.left) / seconds
    return f"about {rate:.3g} cells an hour, {_duration(seconds / workers)} left"


def _cell(status: Status, name: str) -> str:
    cell = status.study["runs"][name]
    recipe = "" if cell["recipe"] == "default" else f" ({cell['recipe']})"
    return f"{cell['method']}{recipe} on {cell['dataset']}, seed {cell['seed']} [{name}]"


def _at_work(status: Status, claim: dict[str, Any], now: float) -> str:
    since = _duration(max(0.0, now - claim["since"]))
    what = f"{shown(claim['what'])} {100 * claim['fraction']:.0f} %"
    who = f"{shown(claim['host'])}, process {claim['pid']}"
    return f"{_cell(status, claim['name'])}: {what}, for {since}, on {who}"


def _listed(what: str, items: list[str]) -> list[str]:
    more = [f"  and {len(items) - _MOST} more"] if len(items) > _MOST else []
    return [what, *(f"  {item}" for item in items[:_MOST]), *more] if items else []


def _duration(seconds: float) -> str:
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{hours} h"
