"""Half a picture given the other half, by trained models and by the exact conditional.

python -m benchmarks.metrics.imputation [STUDY]     # the study has its runs

The lower half of 64 test pictures of `digits_64` is drawn from the conditional of each model given
the upper half. Against the conditional p of the target, which is known:

- `mean_error`: root mean square of the means of the draws minus those of p, in the standard
  deviations of p; 64 exact draws have 0.125;
- `coverage`: the fraction of true pixels between the 5% and 95% quantiles of the draws;
- `conditional_kl`: KL(p || model) of the lower half, in nats, and its standard error.

Rows are written to `benchmarks/results/imputation_64.csv`; the row `exact` has draws of p itself.
"""

import sys
import warnings
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd
from jaxtyping import Float

from benchmarks._clock import use_one_thread
from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.datasets.fitted._targets import FittedMixture
from ebmark.estimator._conditional import draw_conditional
from ebmark.report import markdown
from ebmark.store.schema import read_plan
from ebmark.system import flags, threads
from ebmark.system.writing import write_whole
from ebmark.training.model import Model, load_model

RESULTS = Path(__file__).parents[1] / "results" / "imputation_64.csv"
STUDY = Path("studies/edition/images")
DATASET = "digits_64"
NUM_PICTURES = NUM_DRAWS = 64
_INTERVAL = (0.05, 0.95)


class Target(NamedTuple):
    """Pictures and the exact conditional of their second half.

    Attributes:
        x: the pictures.
        is_free: which columns are drawn.
        means: of the free columns given the others.
        stds: their standard deviations.
        log_prob: the conditional log-density of each picture.
        draws: exact draws.
    """

    x: Float[np.ndarray, "n d"]
    is_free: np.ndarray
    means: Float[np.ndarray, "n free"]
    stds: Float[np.ndarray, "n free"]
    log_prob: Float[np.ndarray, " n"]
    draws: Float[np.ndarray, "draws n free"]

    @classmethod
    def of(cls, name: str, seed: int = 0) -> "Target":
        """Draw pictures of a target, and describe the conditional of each."""
        dataset = DATASETS[name]
        assert isinstance(dataset, FittedMixture)
        x = SyntheticDataset(name).draw(NUM_PICTURES, jr.key(seed))
        is_free = np.arange(dataset.dim) >= dataset.dim // 2
        given = np.flatnonzero(~is_free).tolist()
        means, stds, log_probs, draws = [], [], [], []
        for row, key in zip(x, jr.split(jr.key(seed + 1), len(x)), strict=True):
            conditional = dataset.conditional(given, row[~is_free])
            mean, covariance = conditional.moments()
            means.append(mean)
            stds.append(np.sqrt(np.diag(covariance)))
            log_probs.append(float(conditional.log_prob(jnp.asarray(row[is_free], jnp.float32))))
            keys = jr.split(key, NUM_DRAWS)
            draws.append(np.asarray(jax.vmap(conditional.sample)(keys)))
        stacked = (np.array(a, np.float64) for a in (means, stds, log_probs))
        return cls(x, is_free, *stacked, np.stack(draws, axis=1).astype(np.float64))

    def compare(self, draws: Float[np.ndarray, "draws n free"]) -> dict[str, float]:
        """Compare draws of the free columns with the exact conditional."""
        errors = (draws.mean(axis=0) - self.means) / self.stds
        low, high = np.quantile(draws, _INTERVAL, axis=0)
        true = self.x[:, self.is_free]
        return {
            "mean_error": float(np.sqrt(np.mean(errors**2))),
            "coverage": float(np.mean((low <= true) & (true <= high))),
        }


def evaluate(model: Model, target: Target, seed: int) -> dict[str, float]:
    """Evaluate the conditional of a model."""
    rows = np.where(target.is_free, np.nan, target.x)
    with warnings.catch_warnings():
        # draws that have not converged are far from the exact ones
        warnings.simplefilter("ignore")
        drawn = draw_conditional(model, rows, NUM_DRAWS, seed)
    log_ratios = target.log_prob + model.energies(target.x) + drawn.log_z.mean(axis=0)
    return target.compare(drawn.x[..., target.is_free]) | {
        "conditional_kl": float(log_ratios.mean()),
        "conditional_kl_error": float(log_ratios.std() / np.sqrt(len(log_ratios))),
    }


def as_markdown() -> str:
    """Return a table of medians over seeds, the lowest conditional KL first."""
    medians = pd.read_csv(RESULTS).groupby("method").median().sort_values("conditional_kl")
    head = ["method", "error of the mean, sd", "coverage of 90% intervals", "conditional KL, nats"]
    body = [
        [f"`{name}`", f"{one.mean_error:.2f}", f"{one.coverage:.2f}", f"{one.conditional_kl:.2g}"]
        for name, one in medians.iterrows()
    ]
    return "\n".join(markdown.table(head, body))


def main() -> int:
    """Run the command; the exit status."""
    flags.pin_flags()
    threads.keep_compiled_programs()
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else STUDY
    target = Target.of(DATASET)
    none = {"conditional_kl": 0.0, "conditional_kl_error": 0.0}
    rows = [{"method": "exact", "seed": 0} | target.compare(target.draws) | none]
    for run_id, spec in read_plan(folder).items():
        path = folder / "runs" / run_id / "energy.ebm"
        if spec["dataset"] != DATASET or not path.exists():
            continue
        values = evaluate(load_model(path), target, spec["seed"])
        rows.append({"method": spec["method"], "seed": spec["seed"]} | values)
        print(*rows[-1].values(), file=sys.stderr, flush=True)
        table = pd.DataFrame(rows).to_csv(index=False, float_format="%.5g")
        write_whole(RESULTS, table.encode())
    return 0


if __name__ == "__main__":
    use_one_thread("benchmarks.metrics.imputation")
    sys.exit(main())
