"""A user takes the Wasserstein distance of order 3, 4 or 1.5: the exact one, or one clear line that refuses the order."""

import sys

import numpy as np

from ebmark.errors import UserError
from ebmark.metrics import wasserstein

NAME = "wasserstein_order3"
WANT = "the length of the shift at every order, or (of orders other than 1 and 2) one line that refuses the order"


def end(faults, said):
    """The one line, and the exit status."""
    print(f"FAULT {NAME}: got {', '.join(faults)}, want {WANT}" if faults else f"ok {NAME}: {said}")
    sys.exit(bool(faults))


# All points are moved by (1, 1): whatever the order, the distance is the length of that move.
x = np.random.default_rng(0).normal(size=(50, 2))
shift = float(np.sqrt(2))
faults = []
refused = []
for order in (1, 2, 3, 4, 1.5):
    try:
        got = wasserstein(x, x + 1, order=order)
    except (UserError, ValueError, TypeError, NotImplementedError) as error:
        clear = "order" in str(error).lower() and len(str(error).splitlines()) == 1
        if clear and order not in (1, 2):
            refused.append(order)
        else:
            faults.append(f"{type(error).__name__} at order {order}: {str(error)[:80]!r}")
        continue
    if not abs(got - shift) <= 1e-4 * shift:
        faults.append(f"{got:.4f} for {shift:.4f} at order {order}")
end(faults, f"right at every order, refused: {refused or 'none'}")
