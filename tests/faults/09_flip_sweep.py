"""120 random single bits flip, one at a time, in results.csv, a result.json and study.json: none may change numbers or labels without a word of status or table."""

from damage import *
import csv as csvs
import io
import json
import random


folder = study()
said = Said()
commands = [
    ("status", folder),
    ("table", folder),
    ("table", folder, "--metric", "w1_exact"),
    ("table", folder, "--metric", "nll"),
]
before = said(*commands)
TEXT = {
    "command",
    "started",
    "device",
    "versions",
    "energy",
    "title",
    "notes",
    "method_info",
    "dataset_info",
    "recipes",
    "code_hash",
    "ebmark",
    "reason",
    "seconds",
    "jax",
}


def meaning(path, content):
    """Numbers and labels, without the words on where they come from; None where it is no file of its kind."""
    try:
        if path.suffix == ".csv":
            table = list(csvs.DictReader(io.StringIO(content.decode())))
            return [
                {k: float(v) if k == "value" else v for k, v in row.items() if k not in TEXT}
                for row in table
            ]
        return {k: v for k, v in json.loads(content).items() if k not in TEXT}
    except Exception:
        return None


rng, counts, silent = random.Random(0), {"noticed": 0, "harmless": 0}, []
sweep = (
    folder / "results.csv",
    sorted(folder.glob("runs/*/result.json"))[0],
    folder / "study.json",
)
whole = {path: path.read_bytes() for path in sweep}
for path in sweep:
    good = path.read_bytes()
    want = meaning(path, good)
    for _ in range(40):
        at, bit = rng.randrange(len(good)), rng.randrange(8)
        bad = bytearray(good)
        bad[at] ^= 1 << bit
        path.write_bytes(bad)
        after = said(*commands)
        if noticed(after, before):
            counts["noticed"] += 1
        elif repr(meaning(path, bytes(bad))) == repr(want) and [a[1] for a in after] == [
            b[1] for b in before
        ]:
            counts["harmless"] += 1
        else:
            silent.append(f"{path.name} {good[max(0, at - 6) : at + 6]!r}")
        for file, content in whole.items():  # what a command mended is put back too
            file.write_bytes(content)
end(
    f"{len(silent)} of 120 silent ({counts['noticed']} noticed, {counts['harmless']} harmless), such as {silent[0]}"
    if silent
    else None,
    "0 silent",
    f"0 silent, {counts['noticed']} noticed, {counts['harmless']} harmless",
)
