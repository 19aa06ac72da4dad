"""A user fits the same points, once as they are and once 1e6, 1e7 or a unix time further: the NLL does not know where 0 is."""

from case import *

COMMAND = r"""
import contextlib, importlib.metadata, io, json, sys
main = next(e for e in importlib.metadata.entry_points(group="console_scripts") if e.name == "ebmark").load()
said = []
for argv in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    sys.argv = ["ebmark", *argv]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = main()
        except SystemExit as stop:
            code = stop.code
    said.append([code or 0, out.getvalue(), err.getvalue()])
print("\nSAID" + json.dumps(said))
"""


def several(*argvs):
    """The commands in one process, which compiles once: [status, stdout, stderr] of each."""
    import json

    code, out, err = sh(
        [*PYTHON, "-c", COMMAND, json.dumps([[str(a) for a in argv] for argv in argvs])]
    )
    if "SAID" not in out:
        end(f"exit status {code}, {last(err)}", "the commands' ends")
    return json.loads(out.split("SAID", 1)[1])


import numpy as np

rng = np.random.default_rng(1)
x = (
    np.round(rng.normal(size=(400, 2)) @ [[0.7, 0.3], [0.0, 0.5]] * 1024) / 1024
)  # shifts are exact in float64
wrong, base = [], None
PLACES = (
    ("as it is", (0, 0)),
    ("1e6", (1e6, 1e6)),
    ("1e7", (1e7, 0)),
    ("unix time", (1_700_000_000, 0)),
)
for i, (name, offset) in enumerate(PLACES):
    csv(f"x{i}.csv", "ab", x + np.array(offset, float))
ends = several(
    *(("fit", f"x{i}.csv", "--method", "gaussian", "--out", "m.ebm") for i in range(len(PLACES)))
)
for (name, _), (code, out, err) in zip(PLACES, ends):
    nll = next((v[0] for k, v in rows(out).items() if k.startswith("nll")), None)
    if nll is None:
        end(
            f"no NLL with the offset {name}: exit status {code}, {last(err)}",
            "an NLL for every offset",
        )
    base = nll if base is None else base
    if not abs(nll - base) <= 1.5e-3:  # printed to 4 digits
        wrong.append(f"{nll:g} at {name}")
end(
    f"NLL {', '.join(wrong)} against {base:g}" if wrong else None,
    "the same NLL within .001 wherever the points lie",
    f"NLL {base:g} at every offset",
)
