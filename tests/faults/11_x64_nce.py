"""A user whose shell has JAX_ENABLE_X64=1 trains nce on many_well_4: the cell must be done (its log Z is annealed in float32)."""

from case import *

done = lambda: list((HERE / "out").glob("runs/*/result.json"))
code, out, err = ebmark(
    "run",
    "smoke",
    "--methods",
    "nce",
    "--datasets",
    "many_well_4",
    "--seeds",
    "1",
    "--jobs",
    "1",
    "--out",
    "out",
    "--no-progress-bar",
    env={"JAX_ENABLE_X64": "1"},
    until=done,
)
errors = [f.read_text() for f in (HERE / "out").glob("*/*.error")]
cause = next(
    (line for line in reversed("".join(errors).splitlines()) if re.match(r"\w*Error\b", line)), None
)
end(
    None if done() else f"exit status {code}, {repr(cause[:160]) if cause else last(err, 240)}",
    "a finished cell",
)
