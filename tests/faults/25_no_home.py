"""A user in a container has a uid without a passwd entry and no HOME: fit and a study's cell must run (without a cache, if need be)."""

from case import *
import numpy as np

(HERE / "py").mkdir()
(HERE / "py" / "sitecustomize.py").write_text(
    "import pwd\ndef _none(uid):\n    raise KeyError(f'getpwuid(): uid not found: {uid}')\npwd.getpwuid = _none\n"
)
env = {
    "HOME": None,
    "XDG_CACHE_HOME": None,
    "EBMARK_CACHE": None,
    "USER": None,
    "LOGNAME": None,
    "PYTHONPATH": str(HERE / "py"),
}
csv("x.csv", "abc", np.random.default_rng(12).normal(size=(100, 3)))
code, out, err = ebmark("fit", "x.csv", "--method", "gaussian", "--out", "m.ebm", env=env, t=80)
wrong = [] if code == 0 else [f"fit: exit status {code}, {last(err)}"]
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
    env=env,
    until=done,
    t=90,
)
if not done():
    wrong.append(f"run: exit status {code}, {last(err)}")
end("; ".join(wrong) or None, "a model and a finished cell")
