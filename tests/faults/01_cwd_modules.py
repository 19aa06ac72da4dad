"""A user runs a study in a folder that holds somebody's json.py and numpy.py: neither may be executed, the study runs."""

from case import *

SHADOWS = ("json.py", "numpy.py")
for shadow in SHADOWS:
    mark = HERE / f"ran-{shadow}"
    (HERE / shadow).write_text(
        f"open({str(mark)!r}, 'a').write('x')\nraise ImportError('a stranger')\n"
    )
ran = lambda: sorted(s for s in SHADOWS if (HERE / f"ran-{s}").exists())
done = lambda: list((HERE / "out").glob("runs/*/result.json"))
code, out, err = ebmark(
    "run",
    "smoke",
    "--methods",
    "gaussian",
    "--datasets",
    "half_moons",
    "--seeds",
    "1",
    "--jobs",
    "1",
    "--out",
    "out",
    "--no-progress-bar",
    until=lambda: ran() or done(),
)
if ran():
    end(
        f"{', '.join(ran())} of the current folder executed",
        "no file of the current folder executed by a study",
    )
end(
    None if done() else f"exit status {code} and no finished cell: {last(err)}",
    "a finished cell, and nothing of the folder executed",
)
