"""A user fits a table of 4 columns with 3 kinds in it by the Gaussian: an NLL is printed, and the chains have mixed (R-hat below 1.1)."""

from case import *
import numpy as np

rng = np.random.default_rng(3)
kind = rng.integers(0, 3, 340)
z = (
    rng.normal(size=(340, 4)) * 0.4
    + np.array([[-1, 1, -0.6, -0.6], [1, 0.8, -0.4, -0.5], [0.7, -1.2, 1.2, 1.1]])[kind]
)
csv(
    "x.csv",
    ("bill_length", "bill_depth", "flipper", "mass"),
    [44, 17, 200, 4200] + z * [5.4, 2.0, 14, 800],
)
code, out, err = ebmark("fit", "x.csv", "--method", "gaussian", "--out", "m.ebm")
if code:
    end(f"exit status {code}, {last(err)}", "a model")
nll = next((v[0] for k, v in rows(out).items() if k.startswith("nll")), None)
rhat = re.search(r"R-hat (\d+\.\d+)", err)
wrong = ["no NLL"] if nll is None else []
if "not mixed" in err or (rhat and float(rhat[1]) >= 1.1):
    wrong.append(f"R-hat {rhat[1] if rhat else '?'}, chains have not mixed")
end(
    " and ".join(wrong) or None,
    "an NLL, and chains that have mixed (R-hat below 1.1)",
    f"NLL {nll}",
)
