"""A user with PYTHONIOENCODING=ascii (a cron job) evaluates a file called données.csv with a column größe: scores, no traceback."""

from case import *
import numpy as np

rng = np.random.default_rng(13)
for name in ("données.csv", "größen.csv"):
    csv(name, ("größe", "b"), rng.integers(0, 9, (120, 2)))
code, out, err = ebmark(
    "evaluate", "données.csv", "--target-samples", "größen.csv", env={"PYTHONIOENCODING": "ascii"}
)
number = re.search(r"w1\W+[\d.]+", out)
end(
    None if code == 0 and number and "Traceback" not in err else f"exit status {code}, {last(err)}",
    "the scores, exit status 0",
)
