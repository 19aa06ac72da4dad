"""A bit flips in a number of study.json (the floor of W1; the chains; a run's seed): status, table or report must notice."""

from damage import *

folder = study()
said = Said()
commands = [("status", folder), ("table", folder)]
before, missed = said(*commands), []
good = (folder / "study.json").read_text()
for name, pattern in (
    ("a floor's bound", r'"high":\s*([\d.e-]+)'),
    ("the number of chains", r'"chains":\s*(\d+)'),
    ("a run's seed", r'"recipe": "default",\s*"seed":\s*(1)'),
):
    (folder / "study.json").write_text(good)
    what = flipped_digit(folder / "study.json", pattern)
    after = said(*commands)
    if not noticed(after, before) and not noticed(said(("report", folder)), before):
        missed.append(f"{name}, {what}")
end(
    f"silence at {'; '.join(missed)}" if missed else None,
    "each change named by status, table or report",
)
