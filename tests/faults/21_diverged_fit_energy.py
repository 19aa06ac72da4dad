"""A user asks for the energy of a training that diverged: an error that says so, or the last healthy energy; not an IndexError."""

from case import *

CODE = r"""
import dataclasses, warnings
import jax.numpy as jnp, jax.random as jr
from ebmark.energies import Confined, FourierMLP
from ebmark.methods import METHODS
from ebmark.training.loop import train
x = jr.normal(jr.key(0), (200, 2))
recipe = dataclasses.replace(METHODS["nce"], num_updates=250, learning_rate=1e30)
try:
    fit = train(recipe, Confined(FourierMLP(2, key=jr.key(1))), x, key=jr.key(2))
except Exception as error:
    print("REFUSED", type(error).__name__, str(error).splitlines()[0]); raise SystemExit
print("TROUBLE", fit.divergence_reason)
try:
    energy = fit.energy
    print("ENERGY", callable(energy))
except Exception as error:
    print("RAISED", type(error).__name__, str(error).splitlines()[0])
"""
code, out, err = python(CODE)
if "REFUSED" in out:
    end(
        None if re.search("finite|learning_rate|diverge", out, re.I) else last(out),
        "the divergence named",
        last(out),
    )
if "TROUBLE None" in out or "TROUBLE" not in out:
    end(f"no trouble told: {last(out)} {last(err)}", "a training that diverges")
raised = re.search("RAISED (.*)", out)
bad = raised and not re.search(
    "diverge|not finite|no (healthy )?(snapshot|energy)|trouble|stopped", raised[1], re.I
)
end(
    f"{raised[1]!r} from Fit.energy" if bad else None,
    "an error that says that the training diverged (or an energy)",
)
