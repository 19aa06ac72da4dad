"""A user passes a pandas DataFrame to train() and to the metrics: as good as its array."""

from case import *

CODE = r"""
import dataclasses
import jax.random as jr
import numpy as np, pandas as pd
from ebmark.energies import Confined, FourierMLP
from ebmark.methods import METHODS
from ebmark.metrics import mmd, sliced_wasserstein, wasserstein
from ebmark.training.loop import train
rng = np.random.default_rng(10)
a, b = rng.normal(size=(200, 2)), rng.normal(size=(200, 2)) + .2
x, y = pd.DataFrame(a, columns=["u", "v"]), pd.DataFrame(b, columns=["u", "v"])
for name, f in (("wasserstein", wasserstein), ("sliced_wasserstein", sliced_wasserstein), ("mmd", mmd)):
    try:
        if not np.isclose(f(x, y), f(a, b), rtol=1e-6): print("BAD", name, "another number;", end=" ")
    except Exception as error:
        print("BAD", name, type(error).__name__, str(error).splitlines()[0][:70], end="; ")
try:
    recipe = dataclasses.replace(METHODS["nce"], num_updates=20)
    train(recipe, Confined(FourierMLP(2, key=jr.key(1))), x.astype("float32"), key=jr.key(2)).energy
except Exception as error:
    print("BAD train", type(error).__name__, str(error).splitlines()[0][:70], end="; ")
print("END")
"""
code, out, err = python(CODE)
if "END" not in out:
    end(f"exit status {code}: {last(err)}", "numbers")
bad = out.replace("END", "").replace("BAD ", "").strip()
end(bad or None, "a DataFrame taken as its array, by train() and by the metrics")
