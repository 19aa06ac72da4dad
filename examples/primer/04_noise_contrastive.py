r"""
NCE and its noise
=================

Noise-contrastive estimation (NCE) trains a classifier between data and samples of a noise
distribution q. Its optimum is the data distribution, normalized, for every q that covers the
data. How well it works depends on q.
"""

# %%
# The loss of NCE as a function of one parameter: a shift of the model of N(0, 1), for noise of
# standard deviation s. A sharp minimum means a precise estimate. Both very narrow and very wide
# noise are bad: it must resemble the data.
import jax
import jax.numpy as jnp
import jax.random as jr
import matplotlib.pyplot as plt
import numpy as np

from ebmark.methods import NoiseContrastiveEstimation

data = jr.normal(jr.key(0), (20_000, 1))
shifts = jnp.linspace(-1.5, 1.5, 41)
scales = (0.3, 0.6, 1.2, 3.0, 10.0, 30.0)
curvatures = []

figure, axes = plt.subplots(1, 2, figsize=(9, 3.2))
for scale in scales:
    method = NoiseContrastiveEstimation(scale=scale)
    state = method.init(data, jr.key(1))

    def loss(shift, method=method, state=state):
        def energy(x):
            return 0.5 * jnp.sum((x - shift) ** 2) + 0.5 * jnp.log(2 * jnp.pi)

        return method.loss(energy, data, state, jr.key(2))[0]

    if scale in (0.3, 1.2, 10.0):
        values = np.asarray(jax.vmap(loss)(shifts))
        axes[0].plot(shifts, values - values.min(), label=f"noise of scale {scale:g}")
    curvatures.append(float(jax.grad(jax.grad(loss))(0.0)))
axes[0].set(xlabel="shift of the model", ylabel="loss minus its minimum")
axes[0].legend()
axes[1].plot(scales, curvatures, "o-")
axes[1].set(xscale="log", yscale="log", xlabel="scale of the noise", ylabel="curvature of the loss")
plt.show()

# %%
# The classifier has nothing to learn where data and noise do not overlap: the loss is flat.
# ebmark fits the noise to the data (``nce``: a Gaussian of 1.2 times their width;
# ``nce_mixture``, ``nce_kde``, ``nce_flow``: richer ones) and warns if the **noise ESS**, the
# effective fraction of noise samples, is below 0.01.
