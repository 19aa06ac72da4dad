"""A user passes raw, unstandardised points to train(): a warning, an error, or an energy that is right; not silence and a useless energy."""

from case import *

CODE = r"""
import dataclasses, sys, warnings
import jax, jax.numpy as jnp, jax.random as jr
import numpy as np
from ebmark.energies import Confined, FourierMLP
from ebmark.methods import METHODS
from ebmark.training.loop import train
rng = np.random.default_rng(9)
x = jnp.asarray(rng.normal(size=(1000, 2)) * [300.0, 2000.0] + [4000.0, 90000.0], jnp.float32)
recipe = dataclasses.replace(METHODS["nce"], num_updates=500)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    try:
        fit = train(recipe, Confined(FourierMLP(2, key=jr.key(1))), x, key=jr.key(2))
    except Exception as error:
        print("REFUSED", type(error).__name__, str(error).splitlines()[0]); raise SystemExit
told = [str(w.message) for w in told if "ebmark" in str(w.filename) or "standard" in str(w.message) or "scale" in str(w.message)]
if fit.divergence_reason is not None:
    print("TROUBLE", fit.divergence_reason); raise SystemExit
e = jax.vmap(fit.energy)(jnp.asarray([[4000.0, 90000.0], [4600.0, 90000.0], [4000.0, 94000.0]]))
print("WARNED" if told else "SILENT", *(told[:1]), "gaps", float(e[1] - e[0]), float(e[2] - e[0]), "last loss", float(fit.losses[-1]))
"""
code, out, err = python(CODE)
if not out.strip():
    end(f"exit status {code}: {last(err)}", "a warning, an error or a right energy")
told = re.search("REFUSED|TROUBLE|WARNED", out) or re.search("standardi|unscaled|not scaled", err)
gaps = re.search(r"gaps (\S+) (\S+)", out)
right = gaps and all(
    0.5 < float(g) < 8 for g in gaps.groups()
)  # 2 is true at two standard deviations
end(
    None
    if told or right
    else f"silence; energy gaps {gaps[1]} and {gaps[2]} at 2 sd, {out[out.index('last loss') :].strip()}",
    "a warning, an error, or gaps near 2",
    last(out),
)
