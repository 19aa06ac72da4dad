"""The work of `ebmark status`, behind the imports of pydantic and rich."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from ebmark.errors import shown
from ebmark.store.folder import check_has_runs
from ebmark.store.schema import load_study
from ebmark.store.status import Status, read_status
from ebmark.system.listed_files import check_listed

_SECONDS_BETWEEN_READS = 2.0
_MAX_LISTED = 20  # runs of one kind


def show_status(folder: Path, watch: bool) -> int:
    """Print the status once, or with `watch` until no run is left; return the exit status."""
    console = Console()
    check_listed(folder)
    load_study(folder)
    check_has_runs(folder)
    results: dict[str, dict[str, Any]] = {}
    current = read_status(folder, results)
    if not watch:
        _print(lines(current, time.time()))
    elif console.is_terminal:
        with Live(console=console, refresh_per_second=2) as live:
            live.update(_render(current))
            while current.left:
                time.sleep(_SECONDS_BETWEEN_READS)
                current = read_status(folder, results)
                live.update(_render(current))
    else:
        printed = lines(current, time.time())[:2]
        _print(printed)
        while current.left:
            time.sleep(_SECONDS_BETWEEN_READS)
            current = read_status(folder, results)
            head = lines(current, time.time())[:2]
            if head[0] != printed[0]:
                _print(head)
                printed = head
    return 0


def lines(current: Status, now: float) -> list[str]:
    """Return the status as lines of text: counts, speed, then the runs that need attention.

    Args:
        current: the status of the study.
        now: the present time, in seconds since the epoch.
    """
    active = [_describe_active(current, lock, now) for lock in current.running]
    return [
        _count(current),
        _speed(current),
        *_list_runs("running", active),
        *_list_runs("failed", _with_reasons(current, current.failed)),
        *_list_runs("diverged", _with_reasons(current, current.diverged)),
    ]


def _render(current: Status) -> Group:
    first, *others = lines(current, time.time())
    bar = ProgressBar(total=len(current.study["runs"]), completed=len(current.done), width=60)
    return Group(Text(first), bar, *map(Text, others))


def _print(texts: Iterable[str]) -> None:
    print("\n".join(texts), file=sys.stdout, flush=True)


def _count(current: Status) -> str:
    counts = {
        "running": len(current.running),
        "waiting": max(len(current.left) - len(current.running), 0),
        "failed": len(current.failed),
        "diverged": len(current.diverged),
    }
    parts = [f"{len(current.done)} of {len(current.study['runs'])} runs done"]
    parts += [f"{number} {kind}" for kind, number in counts.items() if number]
    return f"{shown(current.study['name'])}: {', '.join(parts)}"


def _speed(current: Status) -> str:
    """Return the speed and the time left, or how to continue a study that is not running."""
    command = shown(current.study["command"], 300)
    if not current.left:
        if current.failed:
            return f"Some runs failed. Retry with: {command}"
        return "All runs are done."
    seconds = current.seconds_left()
    num_active = len(current.running)
    if not num_active:
        work = f" (about {_duration(seconds)} of work for one process)" if seconds else ""
        return f"No process is active{work}. Resume with: {command}"
    if not seconds:
        return "Time left: unknown until the first run is done."
    runs_per_hour = 3600 * num_active * len(current.left) / seconds
    return f"about {runs_per_hour:.3g} runs per hour, {_duration(seconds / num_active)} left"


def _describe(current: Status, run_id: str) -> str:
    run = current.study["runs"][run_id]
    recipe = "" if run["recipe"] == "default" else f" ({run['recipe']})"
    return f"{run['method']}{recipe} on {run['dataset']}, seed {run['seed']} [{run_id}]"


def _describe_active(current: Status, lock: dict[str, Any], now: float) -> str:
    stage = f"{shown(lock['what'])} {lock['fraction']:.0%}"
    duration = _duration(max(0.0, now - lock["since"]))
    process = f"{shown(lock['host'])}, process {lock['pid']}"
    return f"{_describe(current, lock['name'])}: {stage}, for {duration}, on {process}"


def _with_reasons(current: Status, reasons: dict[str, str]) -> list[str]:
    return [
        f"{_describe(current, run_id)}: {shown(reason, 300)}" for run_id, reason in reasons.items()
    ]


def _list_runs(heading: str, runs: list[str]) -> list[str]:
    if not runs:
        return []
    listed = [f"  {run}" for run in runs[:_MAX_LISTED]]
    if len(runs) > _MAX_LISTED:
        listed.append(f"  and {len(runs) - _MAX_LISTED} more")
    return [heading, *listed]


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    if minutes < 2:
        return f"{seconds:.0f} s"
    if minutes < 120:
        return f"{minutes} min"
    return f"{round(seconds / 3600)} h"
