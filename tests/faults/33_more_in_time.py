"""A user asks for `evaluate --more` on 342 rows of 4 columns, on a busy machine, OMP_NUM_THREADS unset: it must end within 60 s (of the wall's clock or of CPU time, the lesser)."""

from case import *
import resource

import numpy as np

rng = np.random.default_rng(17)
csv("x.csv", "abcd", [44, 17, 200, 4200] + rng.normal(size=(342, 4)) * [5.4, 2.0, 14, 800])
csv("y.csv", "abcd", [44, 17, 200, 4200] + rng.normal(size=(342, 4)) * [5.4, 2.0, 14, 800])
began = time.monotonic()
code, out, err = ebmark(
    "evaluate",
    "x.csv",
    "--target-samples",
    "y.csv",
    "--all-metrics",
    t=165,
    env={"OMP_NUM_THREADS": None, "OPENBLAS_NUM_THREADS": None},
)
wall, use = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
took = min(wall, use.ru_utime + use.ru_stime)
if code not in (0, -9):
    end(f"exit status {code}, {last(err)}", "scores")
end(
    None
    if code == 0 and took <= 60
    else f"{'no end after' if code else 'the end after'} {wall:.0f} s ({use.ru_utime + use.ru_stime:.0f} s of CPU)",
    "the scores within 60 s",
    f"{wall:.0f} s, {use.ru_utime + use.ru_stime:.0f} s of CPU",
)
