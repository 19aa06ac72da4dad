"""normalize_on_grid() calls Z settled though half the mass is a spike (an eighth of the spacing wide) between the nodes."""

import numpy as np, jax.numpy as jnp
from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Standardizer
from ebmark.partition_function import normalize_on_grid

E2 = lambda z: (
    -jnp.logaddexp(
        -0.5 * jnp.sum((z - jnp.array([1.003, 0.5])) ** 2) / 0.004**2,
        -0.5 * jnp.sum((z + 1.0) ** 2) / 0.3**2 + jnp.log((0.004 / 0.3) ** 2),
    )
)
n = normalize_on_grid(
    E2, Grid((-4.0, -4.0), (4.0, 4.0), 256), Standardizer(np.zeros(2), np.ones(2))
)
want = np.log(2 * 2 * np.pi * 0.004**2)
good = not n.is_resolved or abs(n.log_z - want) <= 0.05
line = f"log Z {n.log_z:.4f}, error {n.log_z_error:.1e}, settled {n.is_resolved}"
print(
    f"ok quadrature_spike: {line}"
    if good
    else f"FAULT quadrature_spike: got {line}, want {want:.4f}, or settled False"
)
raise SystemExit(not good)
