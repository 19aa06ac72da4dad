"""The floor's "95 % range": empirical 2.5-97.5 % quantiles of 5 (many points), 20 (own points) or 100 draws. How much does it hold?"""

import numpy as np
from scipy import stats
from ebmark.metrics.null_ranges import _summary, _DRAWS, _FEW_DRAWS, _FEWEST_DRAWS

rng = np.random.default_rng(0)
short = []
for n in (_FEWEST_DRAWS, _FEW_DRAWS, _DRAWS):
    held = []
    above = []
    for _ in range(3000):
        f = _summary(rng.normal(size=n).tolist(), 1)
        held.append(stats.norm.cdf(f["high"]) - stats.norm.cdf(f["low"]))
        above.append(stats.norm.sf(f["high"]))
    print(
        n,
        "draws: the range holds",
        round(np.mean(held), 3),
        "of fresh draws, above its upper end",
        round(np.mean(above), 3),
    )
    if not 0.92 <= np.mean(held) <= 0.98:
        short.append(f"{np.mean(held):.3f} from {n} draws")  # 100 quantile draws hold .933
print(
    "FAULT floor_range_few_draws: got "
    + ", ".join(short)
    + ", want .95 (.92 to .98) from every number of draws that is used, or a range that states its own level"
    if short
    else "ok floor_range_few_draws: every range holds .92 to .98"
)
raise SystemExit(bool(short))
