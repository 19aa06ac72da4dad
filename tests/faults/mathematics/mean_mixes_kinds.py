"""A user reads the mean MMD^2 of two methods, the one nowhere worse than the other: its mean must not be the higher one."""

import math
import sys
from pathlib import Path

import pandas as pd

from ebmark.report import paper_table as paper
from ebmark.errors import UserError
from ebmark.report.page._tables import build_results

NAME = "mean_mixes_kinds"
WANT = "one kind of mean in a column, so that the entry that is nowhere worse has no higher mean; or no mean of a metric that can be negative"
METRIC = "mmd_sq_langevin"
LAW = "eight_gaussians"


def end(faults, said):
    """The one line, and the exit status."""
    print(f"FAULT {NAME}: got {', '.join(faults)}, want {WANT}" if faults else f"ok {NAME}: {said}")
    sys.exit(bool(faults))


def results(values):
    """The table of a study: method -> its values over seeds."""
    rows = []
    for method, found in values.items():
        for seed, value in enumerate(found):
            rows.append(
                {
                    "dataset": LAW,
                    "method": method,
                    "recipe": "default",
                    "seed": seed,
                    "step": 1,
                    "metric": METRIC,
                    "value": value,
                    "status": "done",
                }
            )
    return pd.DataFrame(rows)


def in_the_report(table):
    """method -> mean, as the report's table has it; nothing if it has no means of the metric."""
    heads, rows = build_results(table, {LAW: dict.fromkeys(["a", "b"], 1)}, {}, {})
    means = [i for i, head in enumerate(heads) if "mean [95% CI]" in head.label]
    return {row.method: row.cells[means[0]].value for row in rows} if means else {}


def in_the_paper(table):
    """method -> mean, as `ebmark paper` has it; nothing where it refuses in one line."""
    study = {
        "datasets": [LAW],
        "dataset_info": {},
        "null_ranges": {},
        "runs": {method: {"method": method, "recipe": "default"} for method in ("a", "b")},
    }
    paper.load_study = lambda folder: study
    paper.current = lambda folder, study: (table, True)
    try:
        found = paper.paper_table(Path("no folder is read"), METRIC, "mean")
    except UserError:
        return {}
    return {entry: row[0].value for entry, row in found.rows if row[0] is not None}


faults = []
said = []
for last in (-1e-6, 0.0):
    # Ten seeds. On nine the two are equal, on the last b is the better one (unbiased MMD^2 may be below 0).
    table = results({"a": [1e-3] * 9 + [1e-6], "b": [1e-3] * 9 + [last]})
    for where, means in (("report", in_the_report(table)), ("paper", in_the_paper(table))):
        a = means.get("a")
        b = means.get("b")
        shown = [
            mean
            for mean in (a, b)
            if mean is not None and math.isfinite(mean) and abs(mean) < 1e299
        ]
        if len(shown) < 2:
            said.append(f"{where}: no two means to compare")
        elif b > a * (1 + 1e-9):
            faults.append(
                f"mean {b:.3g} of b above {a:.3g} of a in the {where} (b's last seed {last:g}, a's 1e-06)"
            )
        else:
            said.append(f"{where}: {b:.3g} of b, {a:.3g} of a")
end(faults, ", ".join(said))
