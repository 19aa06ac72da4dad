"""density_metrics' Fisher divergence on the checkerboard: neighbours off the support count as 0."""

import numpy as np
from ebmark.datasets import SyntheticDataset
from ebmark.metrics import density_metrics, target
from ebmark.datasets import Grid

law = SyntheticDataset("checkerboard")
got = []
for nodes in (256, 384, 576):
    g = Grid((-8.0, -8.0), (8.0, 8.0), nodes)
    t = target(law, g)
    X = g.points()
    s = 2.5
    lq = (-0.5 * (X**2).sum(1) / s**2 - np.log(2 * np.pi * s * s)).reshape(nodes, nodes)
    m = density_metrics(t, lq, g)
    p = np.exp(t.log_density) * g.cell
    p /= p.sum()
    true = (p.ravel() * (X**2).sum(1) / s**4).sum()
    got.append(m["fisher_divergence"])
good = all(not np.isfinite(g) or abs(g - true) <= 0.02 * true for g in got)
line = ", ".join(f"{g:.4g}" for g in got) + " on 256, 384, 576 nodes"
print(
    f"ok fisher_checkerboard: {line}"
    if good
    else f"FAULT fisher_checkerboard: got {line}, want {true:.4g} on each, or nan: p has no score at its edges"
)
raise SystemExit(not good)
