"""A user fits a table with a Cauchy column, and one with a single far outlier: a note must name the column."""

from case import *
import numpy as np

rng = np.random.default_rng(16)
calm = rng.normal(size=(400, 3))
heavy, far = calm.copy(), calm.copy()
heavy[:, 1] = rng.standard_cauchy(400)
far[17, 1] = 1e5
wrong = []
for name, x in (("Cauchy", heavy), ("outlier", far)):
    csv("x.csv", ("one", "dose", "three"), x)
    code, out, err = ebmark("fit", "x.csv", "--method", "gaussian", "--out", "m.ebm")
    if not re.search(r"\bdose\b", err + out):
        wrong.append(f'{name}: exit status {code}, no word on the column "dose"')
end("; ".join(wrong) or None, "a note (or a refusal) that names the column")
