"""What has become of a study: cells done, running, failed, diverged; how fast, and how long still.

It reads the study's folder alone, so any machine that sees the folder can tell.
"""

import dataclasses
import os
import statistics
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from ebmark.claims import running
from ebmark.errors import UserError, shown
from ebmark.reading import read_bytes
from ebmark.stored import read_result, read_study

_EVERY = 2.0  # seconds between two looks
_MOST = 20  # lines of a kind


@dataclasses.dataclass(frozen=True)
class Status:
    """How a study stands; cells by name."""

    study: dict[str, Any]
    done: dict[str, dict[str, Any]]  # their results
    running: list[dict[str, Any]]  # what their claims say
    failed: dict[str, str]  # the last lines of their errors

    @property
    def diverged(self) -> dict[str, str]:
        """The done cells that diverged, and why."""
        return {n: one["reason"] for n, one in self.done.items() if one["status"] == "diverged"}

    @property
    def left(self) -> list[str]:
        """The cells that are still to be done, those that are running among them."""
        return [n for n in self.study["cells"] if n not in self.done and n not in self.failed]

    def seconds_left(self) -> float | None:
        """The work that is left, in seconds of one worker; None where nothing was done yet.

        A cell takes what its method took on its dataset, else what its method took, else the mean.
        """
        took: dict[tuple, list[float]] = {}
        for name, result in self.done.items():
            for kind in self._kinds(name):
                took.setdefault(kind, []).append(result.get("seconds") or 0.0)
        if not any(seconds > 0 for one in took.values() for seconds in one):
            return None
        shares = {one["name"]: one["share"] for one in self.running}
        total = 0.0
        for name in self.left:
            kind = next(kind for kind in self._kinds(name) if kind in took)
            total += statistics.fmean(took[kind]) * (1 - shares.get(name, 0.0) / 2)
        return total

    def _kinds(self, name: str) -> list[tuple]:
        cell = self.study["cells"][name]
        return [(cell["method"], cell["dataset"]), (cell["method"],), ()]


def look(folder: Path, known: dict[str, dict[str, Any]]) -> Status:
    """How the study stands; results in `known` are not read again, and new ones enter it.

    Raises UserError if the folder is not that of a study, or what is in it is damaged.
    """
    study = read_study(folder)
    try:
        there = {entry.name for entry in os.scandir(folder / "cells")}
    except OSError as error:
        raise UserError(f"{folder / 'cells'}: cannot be read ({error.strerror})") from None
    for name in study["cells"]:
        if name in there and name not in known:
            result = read_result(folder, name)
            if result is not None:
                known[name] = result
    done = {name: known[name] for name in study["cells"] if name in known}
    undone = [name for name in study["cells"] if name not in done]
    at_work = running(folder, [name for name in undone if f"{name}.claim" in there])
    busy = {one["name"] for one in at_work}
    wrong = [name for name in undone if f"{name}.error" in there and name not in busy]
    return Status(study, done, at_work, {name: _last_line(folder, name) for name in wrong})


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
    status = look(folder, known)
    if not watch:
        _print(lines(status, time.time()))
    elif console.is_terminal:
        with Live(console=console, refresh_per_second=2) as live:
            live.update(_drawn(status))
            while status.left:
                time.sleep(_EVERY)
                status = look(folder, known)
                live.update(_drawn(status))
    else:
        _print(before := lines(status, time.time())[:2])
        while status.left:
            time.sleep(_EVERY)
            status = look(folder, known)
            said = lines(status, time.time())[:2]
            if said[0] != before[0]:
                _print(before := said)
    return 0


def _drawn(status: Status) -> Group:
    first, *rest = lines(status, time.time())
    bar = ProgressBar(total=len(status.study["cells"]), completed=len(status.done), width=60)
    return Group(Text(first), bar, *map(Text, rest))


def _print(said: Iterable[str]) -> None:
    print("\n".join(said), file=sys.stdout, flush=True)


def _count(status: Status) -> str:
    waiting = len(status.left) - len(status.running)
    counts = {"running": len(status.running), "waiting": max(waiting, 0)}
    counts |= {"failed": len(status.failed), "diverged": len(status.diverged)}
    of = f"{len(status.done)} of {len(status.study['cells'])} cells done"
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
    cell = status.study["cells"][name]
    recipe = "" if cell["recipe"] == "default" else f" ({cell['recipe']})"
    return f"{cell['method']}{recipe} on {cell['dataset']}, seed {cell['seed']} [{name}]"


def _at_work(status: Status, claim: dict[str, Any], now: float) -> str:
    since = _duration(max(0.0, now - claim["since"]))
    what = f"{shown(claim['what'])} {100 * claim['share']:.0f} %"
    who = f"{shown(claim['host'])}, process {claim['pid']}"
    return f"{_cell(status, claim['name'])}: {what}, for {since}, on {who}"


def _listed(what: str, items: list[str]) -> list[str]:
    more = [f"  and {len(items) - _MOST} more"] if len(items) > _MOST else []
    return [what, *(f"  {item}" for item in items[:_MOST]), *more] if items else []


def _last_line(folder: Path, name: str) -> str:
    try:
        written = read_bytes(folder / "cells" / f"{name}.error", 1 << 20)
        return written.decode(errors="replace").strip().splitlines()[-1]
    except (FileNotFoundError, IndexError, UserError):
        return "nothing is known"


def _duration(seconds: float) -> str:
    minutes, hours = round(seconds / 60), round(seconds / 3600)
    if minutes < 2:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 120 else f"{hours} h"
