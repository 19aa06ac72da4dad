"""The measurements as a table (CSV and Markdown) and a figure."""

import math
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks._clock import ratio
from benchmarks.report.labels import BENCHMARK_TITLES, LIBRARIES
from benchmarks.training.time_to_quality import TARGET_KL, summarize, time_curves
from ebmark.system.writing import write_whole

_MATRIX_PRODUCTS = "matrix products only"


def write(folder: Path, measured: dict[str, Any]) -> None:
    """Write speed.csv, quality.csv, table.md, figure.png and figure.svg.

    Args:
        folder: where the files are written.
        measured: unit, seconds, errors and origin of each benchmark, by its name.
    """
    from benchmarks.report.figure import draw_figure
    from ebmark.report.figures import png, svg

    speed = tabulate_speed(measured)
    write_whole(folder / "speed.csv", speed.to_csv(index=False, lineterminator="\n"))
    curves = None
    quality = None
    if "default_recipes" in measured:
        curves = time_curves(measured["default_recipes"]["seconds"])
        if not curves.empty:
            quality = pd.DataFrame(summarize(curves))
            write_whole(folder / "quality.csv", quality.to_csv(index=False, lineterminator="\n"))
    write_whole(folder / "table.md", write_page(measured, speed, quality))
    figure = draw_figure(speed, curves)
    write_whole(folder / "figure.png", png(figure))
    write_whole(folder / "figure.svg", svg(figure))


def tabulate_speed(measured: dict[str, Any]) -> pd.DataFrame:
    """Return one row per benchmark and library: median, range, and ratio to ebmark."""
    rows = []
    for name, result in measured.items():
        reference = result["seconds"].get("ebmark")
        for library, values in result["seconds"].items():
            ratios = ratio(values, reference) if reference else (math.nan,) * 3
            rows.append(
                {
                    "benchmark": name,
                    "library": library,
                    "unit": result["unit"],
                    "median": float(np.median(values)),
                    "low": min(values),
                    "high": max(values),
                    "repeats": len(values),
                    "ratio": ratios[0],
                    "ratio_low": ratios[1],
                    "ratio_high": ratios[2],
                    "error": result.get("error", {}).get(library, math.nan),
                }
            )
    return pd.DataFrame(rows)


def write_page(measured: dict[str, Any], speed: pd.DataFrame, quality: pd.DataFrame | None) -> str:
    """Return the Markdown of table.md."""
    sections = [_describe_origin(measured), ["## Equal work", "", *_equal_work(speed)]]
    if "default_recipes" in measured:
        heading = "## Time per update with each library's default recipe"
        sections.append([heading, "", *_default_recipes(speed)])
    if "seeds" in measured:
        sections.append(["## Ten seeds", "", *_seeds(speed)])
    if quality is not None:
        sections.append(["## Time to quality", "", *_time_to_quality(quality)])
    lines = ["# ebmark, torchebm and ebmkit", ""]
    for section in sections:
        lines += [*section, ""]
    return "\n".join([*lines, "![](figure.svg)", ""])


def _describe_origin(measured: dict[str, Any]) -> list[str]:
    made = [result["made"] for result in measured.values()]
    dates = " and ".join(sorted({origin["date"] for origin in made}))
    versions = ", ".join(f"{name} {version}" for name, version in made[-1]["versions"].items())
    loads = [origin["load"] for origin in made if "load" in origin]
    has_loads = len(loads) == len(made)
    load = f"; load average {min(loads):g} to {max(loads):g}" if has_loads else ""
    return _wrap(
        f"""Made by `python -m benchmarks` on {dates}. CPU seconds of one process on one thread; the
        libraries run in turn, after a warm-up round{load}. Medians over rounds; brackets: range of
        the ratios within a round. {made[-1]["device"]}; {versions}."""
    )


def _equal_work(speed: pd.DataFrame) -> list[str]:
    lines = _wrap(
        """MLP 2-128-128-1 (SiLU); 10,000 standardized points of 8 Gaussians; batch size 256; Adam.
        The update of ebmark also clips the gradient, averages the parameters and decays the
        learning rate. Ratio: time relative to ebmark."""
    )
    lines += [
        "",
        "| | ebmark | torchebm | ratio | ebmkit | ratio |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name, title in BENCHMARK_TITLES.items():
        by_library = speed[speed["benchmark"] == name].set_index("library")
        if by_library.empty:
            continue
        columns = [title, _format_time(by_library.loc["ebmark"])]
        for library in LIBRARIES[1:]:
            if library in by_library.index:
                row = by_library.loc[library]
                columns += [_format_time(row), _format_ratio(row)]
            else:
                columns += ["none", ""]
        lines.append(_table_row(columns))
    langevin = speed[speed["benchmark"] == "langevin"].set_index("library")["median"]
    lines += _lower_bound(langevin)
    errors = speed[speed["error"].notna()].set_index("library")["error"]
    if len(errors):
        values = ", ".join(f"{library} {error:.1g}" for library, error in errors.items())
        lines += ["", f"Absolute error of log Z, nats: {values}."]
    return lines


def _lower_bound(langevin: pd.Series) -> list[str]:
    """Return the sentences on the least time that any program of this network takes."""
    if _MATRIX_PRODUCTS not in langevin.index:
        return []
    products = langevin[_MATRIX_PRODUCTS]
    fastest_other = min(langevin[library] for library in LIBRARIES[1:])
    return [
        "",
        *_wrap(
            f"""The two square matrix products of each Langevin step alone take {products:.3g} s in
            float32, measured in the same rounds: {products / langevin["ebmark"]:.0%} of the time of
            ebmark. With this network, no float32 program on one such thread can sample more than
            {fastest_other / products:.1f} times as fast as the faster of the two other
            libraries."""
        ),
    ]


def _seeds(speed: pd.DataFrame) -> list[str]:
    rows = speed[speed["benchmark"] == "seeds"]
    single = rows.loc[rows["library"] == "1 seed", "median"].iloc[0]
    lines = _wrap(
        """NCE with its default recipe on the half-moons: all of `train`, in a process that reads
        the compiled program from disk. Each worker of a study runs its seeds sequentially."""
    )
    lines += ["", "| | CPU s | relative to one seed |", "|---|---:|---:|"]
    for row in rows.itertuples():
        lines.append(_table_row([row.library, f"{row.median:.3g}", f"{row.median / single:.1f}"]))
    return lines


def _default_recipes(speed: pd.DataFrame) -> list[str]:
    lines = ["| method | ms per update |", "|---|---:|"]
    for row in speed[speed["benchmark"] == "default_recipes"].itertuples():
        time = f"{row.median:.3g} ({row.low:.3g} to {row.high:.3g})"
        lines.append(_table_row([f"`{row.library}`", time]))
    return lines


def _time_to_quality(quality: pd.DataFrame) -> list[str]:
    lines = _wrap(
        """Training time: number of updates, from the studies `external`, `external_cd` and
        `external_chains` in [results](../../results), times the median CPU time per update above.
        Each library has its own network: an MLP (2 x 64) on 32 Fourier features with confinement in
        ebmark, a plain MLP 2-128-128-1 in the others. Compilation and imports are excluded. KL:
        median over seeds at the end of training. Last columns: time until `nce` of ebmark reaches
        this KL, and the training time relative to it ("at least" if the first of 16 snapshots had
        reached it)."""
    )
    heads = ["", "method", "seeds", "final KL", "training time, s"]
    heads += [f"time to KL {TARGET_KL:g}, s", "time of `nce` to the final KL, s", "ratio"]
    lines += ["", _table_row(heads), "|---|---|---:|---:|---:|---:|---:|---:|"]
    for row in quality.itertuples():
        columns = [
            row.dataset,
            f"`{row.method}`",
            str(row.seeds),
            f"{row.kl:.3g}" if math.isfinite(row.kl) else "diverged",
            f"{row.seconds:.3g}",
            _format_seconds(row.seconds_to_target),
            _format_seconds(row.reference_seconds),
            _format_bound(row.ratio, row.is_lower_bound) if "/" in row.method else "",
        ]
        lines.append(_table_row(columns))
    return lines


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), 120)


def _table_row(columns: list[str]) -> str:
    return f"| {' | '.join(columns)} |"


def _format_time(row: pd.Series) -> str:
    unit = "ms" if row["unit"].startswith("ms") else "s"
    return f"{row['median']:.3g} {unit}"


def _format_ratio(row: pd.Series) -> str:
    return f"{row['ratio']:.2g} ({row['ratio_low']:.2g} to {row['ratio_high']:.2g})"


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.3g}" if math.isfinite(seconds) else "never"


def _format_bound(value: float, is_lower_bound: bool) -> str:
    if not value > 0:
        return ""
    return f"at least {value:.0f}" if is_lower_bound else f"{value:.0f}"
