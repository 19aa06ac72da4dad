"""Coverage of the interval of log Z: `python -m benchmarks.partition_function.coverage`.

Measures every energy of known log Z with each seed that is not in `log_z_coverage.csv` yet, in CPU
seconds on one thread, and writes `log_z_coverage.md`; `--remake` writes only the page.
"""

import sys
import time
from pathlib import Path

import jax.random as jr
import pandas as pd

from benchmarks._clock import use_one_thread
from benchmarks.partition_function.energies import Case, cases
from ebmark.partition_function import MAX_ERROR, Effort, estimate_log_z, study_effort
from ebmark.report import markdown
from ebmark.system import flags

RESULTS = Path(__file__).parents[1] / "results"
DIMS = (8, 16, 64, 196)
NUM_SEEDS = 2
# standard errors of the 95% interval
WIDTH = 2.0


def measure(case: Case, seed: int, effort: Effort | None = None) -> dict[str, float | str]:
    """Return the row of one estimate, by default of a study's effort."""
    effort = effort or study_effort(case.dim)
    start = time.process_time()
    estimate = estimate_log_z(case.energy, case.data, jr.key(seed), effort=effort)
    return {
        "energy": case.name,
        "dim": case.dim,
        "seed": seed,
        "true": case.log_z,
        "estimate": estimate.value,
        "error": estimate.error,
        "from_normal": estimate.from_normal,
        "cpu_seconds": time.process_time() - start,
    }


def is_covered(rows: pd.DataFrame) -> pd.Series:
    """Return whether the interval, two errors to both sides, holds the true log Z."""
    return (rows["estimate"] - rows["true"]).abs() <= WIDTH * rows["error"]


def page(rows: pd.DataFrame) -> str:
    """Return the Markdown of log_z_coverage.md."""
    covered = is_covered(rows)
    num_energies = len(rows.groupby(["dim", "energy"]))
    lines = [
        "# Coverage of log Z",
        "",
        "`python -m benchmarks.partition_function.coverage`, effort of a study, CPU seconds on one",
        f"thread, compilation included. On {num_energies} energies the interval of estimate ± 2",
        f"errors holds the true log Z in {covered.sum()} of {len(rows)} runs",
        f"({covered.mean():.0%}). In nats, one value per seed:",
        "",
        "| d | energy | log Z | estimate - log Z | error | from N(0, I) - log Z | holds | CPU s |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (dim, name), group in rows.groupby(["dim", "energy"], sort=False):
        columns = [
            (group["estimate"] - group["true"], "+.3f"),
            (group["error"], ".3f"),
            (group["from_normal"] - group["true"], "+.2f"),
        ]
        texts = [", ".join(f"{value:{spec}}" for value in values) for values, spec in columns]
        count = f"{covered[group.index].sum()} of {len(group)}"
        seconds = ", ".join(f"{value:.0f}" for value in group["cpu_seconds"])
        row = [str(dim), str(name), f"{group['true'].iloc[0]:.3f}", *texts, count, seconds]
        lines.append(f"| {' | '.join(row)} |")
    return "\n".join(lines) + "\n"


def as_markdown() -> str:
    """Return the table of dimensions, from `log_z_coverage.csv`."""
    rows = pd.read_csv(RESULTS / "log_z_coverage.csv")
    lines = []
    for dim, group in rows.assign(covered=is_covered(rows)).groupby("dim"):
        distance = (group["estimate"] - group["true"]).abs().median()
        cells = [f"{group['covered'].sum()} of {len(group)}", f"{group['error'].median():.3f}"]
        cells += [f"{distance:.3f}", str((group["error"] > MAX_ERROR).sum())]
        lines.append([str(dim), *cells, f"{group['cpu_seconds'].median():.2g}"])
    head = ["d", "interval holds log Z", "median error, nats", "median distance from log Z, nats"]
    return "\n".join(markdown.table([*head, f"errors above {MAX_ERROR}", "median CPU s"], lines))


def main() -> int:
    """Measure what is missing, saving every row; the exit status."""
    flags.pin_flags()
    path = RESULTS / "log_z_coverage.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    known = {(row["energy"], row["dim"], row["seed"]) for row in rows}
    plan = [(seed, dim) for seed in range(NUM_SEEDS) for dim in DIMS]
    for seed, dim in () if "--remake" in sys.argv else plan:
        for make in cases(dim).values():
            case = make()
            if (case.name, dim, seed) not in known:
                rows.append(measure(case, seed))
                print(rows[-1], file=sys.stderr, flush=True)
                pd.DataFrame(rows).to_csv(path, index=False)
    table = pd.DataFrame(rows).sort_values(["dim", "energy", "seed"], ignore_index=True)
    (RESULTS / "log_z_coverage.md").write_text(page(table))
    return 0


if __name__ == "__main__":
    use_one_thread(__spec__.name)
    sys.exit(main())
