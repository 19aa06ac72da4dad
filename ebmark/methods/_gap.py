"""The sign of a diverging chain: data and negatives whose energies no longer compare."""

import numpy as np
from jaxtyping import Float

_GAP = 5.0  # nats, mean over a chunk; a healthy run stays below 1 (measured: docs/design.md)


def energy_gap_trouble(losses: Float[np.ndarray, " steps"], step_size: float) -> str | None:
    """A sentence if the mean |E(data) - E(negatives)| says that the chains have run away."""
    gap = float(np.mean(np.abs(losses)))
    if gap <= _GAP:
        return None
    return (
        f"the energies of data and chains differ by {gap:.3g} nats (a healthy run: below 1), so the "
        f"chains have left the data; make step_size smaller (it was {step_size:.3g})"
    )
