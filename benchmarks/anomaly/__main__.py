"""Compare detectors of anomalies: `python -m benchmarks.anomaly`.

Runs every table, seed and detector that results/anomaly/results.csv does not hold for
this version of ebmark, on one thread, saving each; writes README.md and auroc.svg there.
`--remake` runs nothing.
"""

import sys
from itertools import product
from pathlib import Path

import pandas as pd

from benchmarks._clock import use_one_thread
from benchmarks.anomaly import protocol
from ebmark.store.provenance import code_hash
from ebmark.system import flags, threads

OUT = Path(__file__).parents[2] / "results" / "anomaly"


def run_missing(path: Path) -> pd.DataFrame:
    """Run what the table of runs lacks and save it after each run; return the table."""
    from benchmarks.anomaly.detectors import DETECTORS, ENERGY_METHODS
    from ebmark.methods import METHODS

    threads.keep_compiled_programs()
    code = code_hash(*(type(METHODS[name].method).__module__ for name in ENERGY_METHODS))[:7]
    rows = pd.read_csv(path, dtype={"code": str}).to_dict("records") if path.exists() else []
    rows = [row for row in rows if row.get("code") == code]
    known = {(row["table"], row["detector"], row["seed"]) for row in rows}
    runs = product(DETECTORS.items(), protocol.tables(), range(protocol.NUM_SEEDS))
    for (names, score), table, seed in runs:
        if (table, names[0], seed) in known:
            continue
        part = protocol.split(*protocol.load(table), seed)
        for name, normality in zip(names, score(part.train, part.test, seed), strict=True):
            run = {"table": table, "detector": name, "seed": seed, "code": code}
            values = protocol.measure(normality, part.is_anomaly)
            rows.append({**run, **values})
            print(*run.values(), values["auroc"], file=sys.stderr, flush=True)
        pd.DataFrame(rows).to_csv(path, index=False, float_format="%.6f")
    return pd.DataFrame(rows)


def main() -> int:
    """Run the command; the exit status."""
    flags.pin_flags()
    OUT.mkdir(parents=True, exist_ok=True)
    path = OUT / "results.csv"
    if "--remake" not in sys.argv:
        run_missing(path)
    from benchmarks.anomaly.report import page, picture

    rows = pd.read_csv(path, dtype={"code": str})
    (OUT / "README.md").write_text(page(rows), encoding="utf-8")
    (OUT / "auroc.svg").write_bytes(picture(rows))
    print(OUT / "README.md")
    return 0


if __name__ == "__main__":
    use_one_thread(__spec__.parent)
    sys.exit(main())
