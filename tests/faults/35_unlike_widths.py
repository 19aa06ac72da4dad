"""A user compares samples of 1 column with samples of 2 (a wrong slice), or hands over flat arrays: an error that says so, never a number."""

from case import *

CODE = r"""
import numpy as np
from ebmark.metrics import energy_distance, mmd, sliced_wasserstein, wasserstein
rng = np.random.default_rng(19)
one, two, flat = rng.normal(size=(100, 1)), rng.normal(size=(100, 2)), rng.normal(size=100)
for f in (wasserstein, sliced_wasserstein, mmd, energy_distance):
    for name, a, b in (("1 against 2 columns", one, two), ("2 against 1", two, one), ("flat against 1 column", flat, one)):
        try:
            value = float(f(a, b))
            if np.isfinite(value) and not (name.startswith("flat") and np.isclose(value, f(flat[:, None], b))):
                print("BAD", f.__name__, f"{value:.3g} of {name};", end=" ")
        except Exception:
            pass
print("END")
"""
code, out, err = python(CODE)
if "END" not in out:
    end(f"exit status {code}: {last(err)}", "errors")
bad = out.replace("END", "").replace("BAD ", "").strip()
end(bad or None, "an error for samples of unlike widths")
