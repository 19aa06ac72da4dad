"""A user takes the KSD of true samples of the checkerboard, whose density has jumps: about 0, or no number; and of a smooth law still a number."""

import sys

import jax.random as jr
import numpy as np

from ebmark.errors import UserError
from ebmark.metrics import additional_metrics
from ebmark.datasets import SyntheticDataset

NAME = "ksd_checkerboard"
WANT = "0 within 5 standard errors (a score without the jumps has no such identity), or nan, no KSD of this law or one line that refuses it"
SMOOTH = "eight_gaussians"


def end(fault, said):
    """The one line, and the exit status."""
    print(f"FAULT {NAME}: got {fault}, want {WANT}" if fault else f"ok {NAME}: {said}")
    sys.exit(bool(fault))


def of_true_samples(name):
    """Mean and standard error of the KSD of 16 true samples; None where there is none."""
    law = SyntheticDataset(name)
    metric = additional_metrics(law).get("ksd_sq")
    if metric is None:
        return None
    values = []
    for seed in range(16):
        x = law.draw(500, jr.key(seed))
        y = law.draw(500, jr.key(1_000 + seed))
        try:
            values.append(metric(x, y))
        except (UserError, ValueError) as error:
            if len(str(error).splitlines()) != 1:
                raise
            return None
    if not np.isfinite(values).any():
        return None
    return np.mean(values), np.std(values, ddof=1) / np.sqrt(len(values))


smooth = of_true_samples(SMOOTH)
if smooth is None or not abs(smooth[0]) <= 5 * smooth[1]:
    end(f"a KSD of {smooth} of true samples of {SMOOTH}", "")
found = of_true_samples("checkerboard")
if found is None:
    end(None, "no KSD of the checkerboard")
line = f"a KSD of {found[0]:.4f} +- {found[1]:.4f} of true samples of the checkerboard"
end(None if abs(found[0]) <= 5 * found[1] else line, line)
