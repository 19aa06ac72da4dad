"""A user takes the MMD of float16 samples: the number of the same samples in float64."""

from case import *

CODE = r"""
import numpy as np
from ebmark.metrics import mmd
rng = np.random.default_rng(5)
x, y = rng.normal(size=(800, 2)).astype(np.float16), (rng.normal(size=(800, 2)) + .5).astype(np.float16)
print("GOT", float(mmd(x, y)), float(mmd(x.astype(np.float64), y.astype(np.float64))))
"""
code, out, err = python(CODE)
if "GOT" not in out:
    end(
        f"exit status {code}: {last(err)}", "a number (or a clear refusal)"
    ) if "float16" not in last(err) else end(None, "a clear refusal")
got, want = map(float, out.split("GOT")[1].split())
end(None if abs(got - want) <= 1e-3 * abs(want) else f"{got:g}", f"{want:g}, as in float64")
