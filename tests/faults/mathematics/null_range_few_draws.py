"""The "95 % range" of the null from the numbers of draws that are used (many points, user data, shipped). How much does it hold?"""

import numpy as np
from scipy import stats
from ebmark.metrics.null_ranges import (
    _NUM_DRAWS,
    _NUM_DRAWS_MANY_POINTS,
    _NUM_DRAWS_SHIPPED,
    _summarize,
)

rng = np.random.default_rng(0)
short = []
for n in (_NUM_DRAWS_MANY_POINTS, _NUM_DRAWS, _NUM_DRAWS_SHIPPED):
    held = []
    above = []
    for _ in range(3000):
        f = _summarize(rng.normal(size=n).tolist(), 1)
        held.append(stats.norm.cdf(f["high"]) - stats.norm.cdf(f["low"]))
        above.append(stats.norm.sf(f["high"]))
    print(
        n,
        "draws: the range holds",
        round(np.mean(held), 3),
        "of fresh draws, above its upper end",
        round(np.mean(above), 3),
    )
    if abs(np.mean(held) - f.get("level", 0.95)) > 0.03:
        short.append(f"{np.mean(held):.3f} from {n} draws")  # 100 quantile draws hold .933
print(
    "FAULT floor_range_few_draws: got "
    + ", ".join(short)
    + ", want .95 (.92 to .98) from every number of draws that is used, or a range that states its own level"
    if short
    else "ok floor_range_few_draws: every range holds .92 to .98"
)
raise SystemExit(bool(short))
