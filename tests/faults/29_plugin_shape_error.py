"""A user's method has a shape error: the command must show her file and line, and what was wrong, not JAX's note on its internal frames."""

from case import *

PLUGIN = '''import jax, jax.numpy as jnp
from ebmark.methods import AbstractMethod, Recipe


class Mine(AbstractMethod):
    """A loss with a mistake."""

    def loss(self, energy, batch, state, key):
        weights = jnp.ones(7)
        return jnp.mean(jax.vmap(energy)(batch) * weights), state  # line 10

    def network_evaluations(self, batch, dim):
        return batch


METHODS = {"mine": Recipe(method=Mine(), num_updates=60)}
'''
(HERE / "mine.py").write_text(PLUGIN)
code, out, err = ebmark(
    "run",
    "smoke",
    "--plugin",
    "mine.py",
    "--methods",
    "mine",
    "--datasets",
    "half_moons",
    "--seeds",
    "1",
    "--jobs",
    "1",
    "--out",
    "out",
    "--no-progress-bar",
)
said = [line for line in (out + err).splitlines() if "failed" in line or "mine.py" in line]
if code == 0:
    end("exit status 0", "a failed cell")
named = re.search(r"mine\.py\D{0,12}(line )?10\b", out + err)
end(
    None if named and "internal frames" not in out + err else f"{last(' '.join(said) or err, 260)}",
    "mine.py, line 10 and the shapes in what is printed, without 'JAX has removed its internal frames'",
)
