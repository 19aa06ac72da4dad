"""The measurements as a table (CSV and Markdown) and a figure."""

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._clock import ratio
from benchmarks.report.labels import LIBRARIES, WHAT
from benchmarks.training import time_to_quality
from ebmark.system.writing import write_whole


def write(folder: Path, measured: dict[str, Any]) -> None:
    """`speed.csv`, `time_to_quality.csv`, `table.md`, `figure.png` and `figure.svg`."""
    from benchmarks.report.figure import drawn
    from ebmark.report.figures import png, svg

    speed = speeds(measured)
    write_whole(folder / "speed.csv", speed.to_csv(index=False, lineterminator="\n"))
    curves = time_to_quality.curves(measured["own"]["seconds"]) if "own" in measured else None
    ends = None
    if curves is not None and not curves.empty:
        ends = pd.DataFrame(time_to_quality.summary(curves))
        write_whole(folder / "quality.csv", ends.to_csv(index=False, lineterminator="\n"))
    write_whole(folder / "table.md", page(measured, speed, ends))
    figure = drawn(speed, curves)
    write_whole(folder / "figure.png", png(figure))
    write_whole(folder / "figure.svg", svg(figure))


def speeds(measured: dict[str, Any]) -> pd.DataFrame:
    """A row a part and library: median and range, and how much longer than ebmark it takes."""
    rows = []
    for part, found in measured.items():
        ours = found["seconds"].get("ebmark")
        for who, values in found["seconds"].items():
            times, low, high = ratio(values, ours) if ours else (math.nan,) * 3
            rows.append(
                {
                    "part": part,
                    "who": who,
                    "unit": found["unit"],
                    "median": float(np.median(values)),
                    "low": min(values),
                    "high": max(values),
                    "repeats": len(values),
                    "ratio": times,
                    "ratio_low": low,
                    "ratio_high": high,
                    "error": found.get("error", {}).get(who, math.nan),
                }
            )
    return pd.DataFrame(rows)


def page(measured: dict[str, Any], speed: pd.DataFrame, ends: pd.DataFrame | None) -> str:
    """`table.md`."""
    lines = ["# ebmark against torchebm and ebmkit", "", *_made(measured), ""]
    lines += ["## The same work", "", *_same_work(speed), ""]
    if "own" in measured:
        lines += ["## A training step at each library's own recipe", "", *_own(speed), ""]
    if "seeds" in measured:
        lines += ["## Ten seeds", "", *_seeds(speed), ""]
    if ends is not None:
        lines += ["## Time to quality", "", *_quality(ends), ""]
    return "\n".join(lines + ["![](figure.svg)", ""])


def _made(measured: dict[str, Any]) -> list[str]:
    made = [found["made"] for found in measured.values()]
    dates = " and ".join(sorted({one["date"] for one in made}))
    said = ", ".join(f"{name} {version}" for name, version in made[-1]["versions"].items())
    loads = [one["load"] for one in made if "load" in one]
    alone = "" if len(loads) < len(made) else f"; load average {min(loads):g} to {max(loads):g}"
    return _prose(
        f"""Made by `python -m benchmarks` on {dates}: CPU seconds of one process on one thread, the
        libraries in turn, after a round that warms up{alone}. A median over the rounds, and the
        range of the ratios within a round. {made[-1]["device"]}; {said}."""
    )


def _same_work(speed: pd.DataFrame) -> list[str]:
    lines = _prose(
        """The perceptron 2-128-128-1, silu; 10,000 standardised points of the 8 Gaussians; batch
        256; Adam. ebmark's step also clips the gradient, averages the parameters and decays the
        learning rate. Ratios: how many times ebmark's time the other takes."""
    ) + [
        "",
        "| | ebmark | torchebm | ratio | ebmkit | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for part, words in WHAT.items():
        here = speed[speed["part"] == part].set_index("who")
        if here.empty:
            continue
        cells = [_time(here.loc["ebmark"])]
        for who in LIBRARIES[1:]:
            row = here.loc[who] if who in here.index else None
            cells += [_time(row), _times(row)] if row is not None else ["none", ""]
        lines.append(f"| {words} | {' | '.join(cells)} |")
    lines += _floor(speed[speed["part"] == "langevin"].set_index("who")["median"])
    wrong = speed[speed["error"].notna()].set_index("who")["error"]
    if len(wrong):
        said = ", ".join(f"{who} {error:.1g}" for who, error in wrong.items())
        lines += ["", f"How wrong log Z is, nats: {said}."]
    return lines


def _floor(langevin: pd.Series) -> list[str]:
    """How much faster any program of this network could be."""
    if "its products alone" not in langevin.index:
        return []
    floor = langevin["its products alone"]
    best = min(langevin[who] for who in LIBRARIES[1:])
    return [
        "",
        *_prose(
            f"""The two square products of each Langevin step take {floor:.3g} s by themselves, in
            float32 and in the same rounds: {floor / langevin["ebmark"]:.0%} of ebmark's time. With
            this network nothing in float32 on one such thread can sample more than
            {best / floor:.1f} times as fast as the better of the two others."""
        ),
    ]


def _seeds(speed: pd.DataFrame) -> list[str]:
    here = speed[speed["part"] == "seeds"]
    one = here.loc[here["who"] == "1 seed", "median"].iloc[0]
    lines = _prose(
        """NCE at the study's recipe on the half-moons, all of `train` in a process that has its
        program on the disk only; the seeds of a study run one after the other in each worker."""
    ) + ["", "| | CPU s | times one seed |", "|---|---:|---:|"]
    return lines + [
        f"| {row.who} | {row.median:.3g} | {row.median / one:.1f} |" for row in here.itertuples()
    ]


def _own(speed: pd.DataFrame) -> list[str]:
    here = speed[speed["part"] == "own"]
    lines = ["| method | ms an update |", "|---|---:|"]
    return lines + [
        f"| `{row.who}` | {row.median:.3g} ({row.low:.3g} to {row.high:.3g}) |"
        for row in here.itertuples()
    ]


def _quality(ends: pd.DataFrame) -> list[str]:
    lines = _prose(
        """Seconds of training: updates until the KL, from the studies `rivals`,
        `rivals_cd` and `rivals_chains` in [results](../../results), times the median CPU time of
        an update above.
        Each has its own network: ebmark's perceptron (2 x 64) on 32 Fourier features, confined; the
        rivals' plain 2-128-128-1. Compiling and importing are not in it. The last columns: when
        ebmark's `nce` is as good as the method at its end, and how many times as long the method
        took (at least, where the first of 16 looks was good enough)."""
    ) + [
        "",
        "| | method | seeds | KL at its end | after, s | KL .05, s | `nce` as good, s | ratio |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]
    for row in ends.itertuples():
        good = f"{row.to_good:.3g}" if math.isfinite(row.to_good) else "never"
        ours = f"{row.ours_to_kl:.3g}" if math.isfinite(row.ours_to_kl) else "never"
        times = f"{row.ratio:.0f}" if row.ratio > 0 and "/" in row.method else ""
        times = f"at least {times}" if times and row.at_first else times
        kl = f"{row.kl:.3g}" if math.isfinite(row.kl) else "no finite Z"
        cells = [
            row.dataset,
            f"`{row.method}`",
            row.seeds,
            kl,
            f"{row.seconds:.3g}",
            good,
            ours,
            times,
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return lines


def _prose(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 120)


def _time(row: pd.Series) -> str:
    unit = "ms" if row["unit"].startswith("ms") else "s"
    return f"{row['median']:.3g} {unit}"


def _times(row: pd.Series) -> str:
    return f"{row['ratio']:.2g} ({row['ratio_low']:.2g} to {row['ratio_high']:.2g})"
