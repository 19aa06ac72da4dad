"""A user with a terminal of 20 columns evaluates a file: every value and bound is readable whole, none cut short."""

from case import *
import numpy as np

rng = np.random.default_rng(14)
csv("x.csv", "ab", rng.normal(size=(120, 2)))
csv("y.csv", "ab", rng.normal(size=(240, 2)))
wide = ebmark("evaluate", "x.csv", "--target-samples", "y.csv", env={"COLUMNS": "120"})
thin = ebmark("evaluate", "x.csv", "--target-samples", "y.csv", env={"COLUMNS": "20"})
if wide[0] or thin[0]:
    end(f"exit status {wide[0]} and {thin[0]}: {last(thin[2])}", "scores")
numbers = {f"{v:.4g}" for row in rows(wide[1]).values() for v in row if v is not None}
seen = {
    f"{float(t):.4g}" for t in re.findall(r"(?<![\w.])-?\d+\.?\d*(?:e[-+]?\d+)?(?![\w.…])", thin[1])
}
lost = sorted(n for n in numbers if n not in seen)
end(
    f"{len(lost)} of {len(numbers)} numbers cut or missing, such as {lost[0]}" if lost else None,
    "every number whole",
)
