"""Running a study: the plan, the engine that runs it, and what is made of its cells."""

import contextlib
import dataclasses
import datetime
import json
import math
import os
import queue
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

import ebmark
from ebmark import plugins, table
from ebmark.catalogue import about
from ebmark.claims import is_done, tidy
from ebmark.engines import Engine, EngineLost
from ebmark.errors import UserError
from ebmark.files import atomic_path, refuse_links_out, write_whole
from ebmark.floors import floors
from ebmark.points import Points
from ebmark.progress import Progress
from ebmark.provenance import device, source_hash, versions
from ebmark.recipes import RECIPES
from ebmark.sources import Law, Own, Source, load_source
from ebmark.stopping import Stop, stopping
from ebmark.stored import read_result
from ebmark.study import Study, axes, cell_name, cell_specs, validated

_MADE = {"plan.json", "results.csv", "results.parquet", "report.html"}
_MOMENT = 0.2  # seconds between two looks at what has ended
_GRACE = 120.0  # seconds that a cell has to save itself and stop
_AGAIN = 2.0  # seconds until a cell that another run holds is asked for again


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How a run ended: the cells that were wanted, and what became of them."""

    planned: int
    done: int
    failed: dict[str, str]  # cell -> the last line of its error
    stopped: bool = False  # whether its time was up before all were done


def prepare(
    study: Study,
    folder: Path,
    points: Points | None,
    name: str,
    command: str,
    plugin_files: tuple[Path, ...] = (),
) -> dict:
    """Write the plan and the description of a study into its folder; the plan, name -> spec.

    With `points`, a person's own, they are the study's only dataset, called `name`. The workers
    will load the `plugin_files`, which are copied into the folder. Raises UserError if the folder
    cannot be written, or holds something else.
    """
    study = validated(study)
    sources: list[Source] = [Law(dataset) for dataset in study.datasets]
    points_file = None
    if points is not None:
        own = Own(name, np.asarray(points.x, np.float64))
        sources, points_file = [own], f"points-{own.fingerprint[:16]}.npy"
    plan = {cell_name(spec): spec for spec in cell_specs(study, sources, points_file)}
    if not plan:
        raise UserError("no cells to run: mle needs data of 1 or 2 columns; add a method")
    _take_folder(folder, study, sources)
    plugins.keep(plugin_files, folder)
    if points_file is not None and not (folder / points_file).exists():
        with atomic_path(folder / points_file) as path, open(path, "wb") as file:
            np.save(file, sources[0].points)
    for cell in plan:
        read_result(folder, cell)  # a damaged one is told now, not after hours
    write_whole(folder / "plan.json", json.dumps(plan))
    described = _described(study, sources, plan, points, command)
    if (folder / "study.json").exists():
        described["step_bias"] = table.load_study(folder)["step_bias"]
    write_whole(folder / "study.json", json.dumps(described, indent=1))
    return plan


def run_plan(
    folder: Path,
    plan: dict[str, dict],
    engine: Engine,
    *,
    minutes: float | None = None,
    plain: bool = False,
) -> Outcome:
    """Run the cells that are not done on the engine, and close it.

    A cell that another run's worker holds is asked for again, until one of the two has done it.
    After so many minutes, or on SIGTERM, the cells that are running are saved and left.
    """
    tidy(folder, plan)
    for name in plan:
        with contextlib.suppress(OSError):  # none is there, or the disk is read-only
            (folder / "cells" / f"{name}.error").unlink()
    done = {name for name in plan if is_done(folder, name)}
    with stopping(folder, minutes) as stop:
        ended = _run(folder, plan, engine, done, stop, plain)
    tidy(folder, plan)
    return ended


def _run(
    folder: Path, plan: dict[str, dict], engine: Engine, done: set[str], stop: Stop, plain: bool
) -> Outcome:
    failed: dict[str, str] = {}
    left: set[str] = set()
    told = math.inf
    todo, held, asked = [name for name in plan if name not in done], [], 0.0
    ended: queue.SimpleQueue[tuple[str, Future]] = queue.SimpleQueue()
    progress = Progress(folder, plan, done, plain=plain)
    try:
        while len(done) + len(failed) + len(left) < len(plan):
            for name in todo:
                future = engine.submit(name, plan[name])
                future.add_done_callback(lambda future, name=name: ended.put((name, future)))
                progress.show(done)
            todo = []
            for name, future in _those_of(ended):
                status, reason = _how(folder, name, future)
                if status == "done":
                    done.add(name)
                elif status == "held":
                    held.append(name)
                elif status == "stopped":
                    left.add(name)
                else:
                    failed[name] = reason
            progress.show(done)
            if held and time.monotonic() - asked > _AGAIN:
                todo, held, asked = held, [], time.monotonic()
            told = min(told, time.monotonic()) if stop.asked else math.inf
            if time.monotonic() - told > (_GRACE if stop.heard else 0):  # a cell's long breath
                break  # it is cut off
    finally:
        progress.close()
        engine.close()
    stopped = stop.asked and len(done) + len(failed) < len(plan)
    return Outcome(len(plan), len(done), failed, stopped)


def _those_of(ended: queue.SimpleQueue) -> Iterator[tuple[str, Future]]:
    """The cells that have ended; waits a moment for the first."""
    try:
        yield ended.get(timeout=_MOMENT)
        while True:
            yield ended.get_nowait()
    except queue.Empty:
        return


def _how(folder: Path, name: str, future: Future) -> tuple[str, str]:
    """How a cell ended, and why it failed; a death that its worker could not tell is written."""
    error = future.exception()
    if isinstance(error, EngineLost):
        raise UserError(f"{error}; what was done is kept, the same command goes on from there")
    if error is None:
        result = future.result()
        return result["status"], result["reason"]
    reason = f"{type(error).__name__}: {error}".splitlines()[0]
    with contextlib.suppress(UserError):  # as on a full disk: then it is told only
        write_whole(folder / "cells" / f"{name}.error", reason + "\n")
    return "failed", reason


def finish(folder: Path, plan: dict[str, dict]) -> None:
    """Make the table and the report of what is done."""
    from ebmark.report import write_report
    from ebmark.step_bias import of_study as step_biases

    described = table.load_study(folder)
    described["floors"] = {
        source.name: floors(source, number, metrics)
        for source, number, metrics in _floors_wanted(folder, plan)
    }
    rows = table.collect(folder, plan)
    described["step_bias"] = step_biases(folder, *table.with_entries(described, rows))
    write_whole(folder / "study.json", json.dumps(described, indent=1))
    table.write(folder, rows)
    write_report(folder)


def _take_folder(folder: Path, study: Study, sources: list[Source]) -> None:
    """Make the folder ours. Raises UserError if it is another study's, or nobody's we know."""
    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
        refuse_links_out(folder)
        content = {path.name for path in folder.iterdir()} - {"cells", "figures"}
    except OSError as error:
        why = error.strerror or "it cannot be made"
        raise UserError(f"{folder}: cannot be used ({why}); choose another with --out") from None
    if not os.access(folder, os.W_OK):
        raise UserError(f"{folder}: you may not write there; choose another folder with --out")
    if "study.json" not in content:
        # what a run that was killed at its start leaves; more only where the plan is there
        others = {name for name in content if not name.startswith((".tmp-", "points-", "log-"))}
        others -= {"plugins", "parsl"} | (_MADE if "plan.json" in content else set())
        if others:
            raise UserError(
                f"{folder}: holds other files (such as {min(others)}) and no study; "
                "choose another folder with --out"
            )
        return
    other = table.load_study(folder)
    ours = {source.name: source.fingerprint for source in sources if isinstance(source, Own)}
    theirs = {name: law for name, law in other.get("laws", {}).items() if name in ours}
    if other.get("name") != study.name or any(ours[name] != law for name, law in theirs.items()):
        raise UserError(
            f'{folder}: holds another study ("{other.get("name")}"); '
            "choose another folder with --out"
        )


def _described(study: Study, sources, plan, points: Points | None, command: str) -> dict[str, Any]:
    """`study.json`: all that the report says of a study beside its numbers."""
    network = study.energy
    inputs = f"{network.num_features} random Fourier features (bandwidth {network.bandwidth:g})"
    energy = (
        f"perceptron on {inputs if network.num_features else 'the coordinates'}, "
        f"{network.depth} hidden layers of {network.width}, silu, "
        f"inside a Gaussian of {network.tau:g} standard deviations"
    )
    if network.walls:
        energy += f", with walls of width {network.walls:g} outside the points' hull"
    first = {spec["method"]: spec for spec in plan.values()}
    return {
        "name": study.name,
        "title": study.title,
        "datasets": [source.name for source in sources],
        "laws": {source.name: source.fingerprint for source in sources},
        "methods": [method for method in study.methods if method in first],
        "seeds": study.seeds,
        "command": command,
        "ebmark": ebmark.__version__,
        "source": source_hash(),
        "versions": versions(),
        "device": device(),
        "started": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "settings": {
            "num_train": study.num_train,
            "num_samples": study.num_samples,
            "chains": study.num_samples,
            "transport_points": min(study.transport_points, study.num_samples),
            "langevin_steps": study.langevin_steps,
            "snapshots": study.snapshots,
        },
        "energy": energy,
        "recipes": _recipes(plan),
        "axes": axes(study),
        "measures": list(study.measures),
        "methods_about": {method: about(type(RECIPES[method].method)) for method in first},
        "datasets_about": {source.name: _dataset_about(source, plan) for source in sources},
        "floors": {},
        "step_bias": {},
        "cells": {
            name: {key: spec[key] for key in ("dataset", "method", "recipe", "seed")}
            | ({"axes": spec["axes"]} if "axes" in spec else {})
            for name, spec in plan.items()
        },
        "notes": [*(points.notes if points is not None else []), *_how_stopped(plan)],
    }


def _how_stopped(plan: dict[str, dict]) -> list[str]:
    if not any(spec.get("early_stopping") for spec in plan.values()):
        return []
    return [
        "early stopping: a tenth of the training points is not trained on; after each look the "
        "energy is kept under which they were likeliest so far."
    ]


def _recipes(plan: dict[str, dict]) -> dict[str, dict]:
    """Entry -> its recipe; one for each dataset where they differ."""
    found: dict[str, dict[str, dict]] = {}
    for spec in plan.values():
        name = table.entry(spec["method"], spec["recipe"])
        found.setdefault(name, {}).setdefault(spec["dataset"], spec["training"])
    named = {}
    for name, by_dataset in found.items():
        first = next(iter(by_dataset.values()))
        if all(one == first for one in by_dataset.values()):
            named[name] = first
        else:
            named |= {f"{name}, {dataset}": one for dataset, one in by_dataset.items()}
    return named


def _dataset_about(source: Source, plan: dict[str, dict]) -> dict[str, Any]:
    spec = next(spec for spec in plan.values() if spec["dataset"] == source.name)
    known = isinstance(source, Law)
    return {
        "title": source.dataset.words if known else f"own points, {len(source.points)} rows",
        "dim": source.dim,
        "entropy": source.dataset.entropy if known else None,
        "langevin_step": spec["langevin"]["step_size"],
        "family": type(source.dataset).__name__ if known else source.name,
    }


def _floors_wanted(folder: Path, plan: dict[str, dict]):
    """For each dataset of the plan: its source, the points compared, and the metrics."""
    seen: dict[str, dict] = {spec["dataset"]: spec for spec in plan.values()}
    for spec in seen.values():
        source, number = load_source(spec, folder), spec["transport_points"]
        if isinstance(source, Own):
            number = min(number, source.num_held_out)
        yield source, number, list(source.sample_metrics())
