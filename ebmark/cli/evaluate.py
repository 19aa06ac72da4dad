"""`ebmark evaluate`: evaluate samples or an energy function."""

from pathlib import Path

from ebmark.cli._common import Positional, checked_seed
from ebmark.errors import UserError


def evaluate(
    samples: Positional[Path | None] = None,
    /,
    energy: str | None = None,
    target_samples: Path | None = None,
    dataset: str | None = None,
    all_metrics: bool = False,
    max_samples: int = 2_000,
    seed: int = 0,
) -> int:
    """Score anybody's samples, or energy function, against points or a built-in dataset.

    Args:
        samples: the points to judge, made by whatever program.
        energy: FILE.py:FUNCTION in place of samples, from NumPy points (n, dim) to energies (n,),
            made with whatever framework: KL, log Z and exact samples, on a --dataset of the plane.
        target_samples: a file of points of the truth.
        dataset: a built-in dataset in place of --target-samples.
        all_metrics: also the slower metrics, with their floors (a minute or two).
        max_samples: how many of each are compared, at most; 100,000 take minutes, by other metrics.
        seed: of the subsets that are compared.
    """
    if (samples is None) == (energy is None):
        raise UserError("give one of SAMPLES and --energy FILE.py:FUNCTION: what is to be judged")
    if energy is not None:
        if target_samples is not None or all_metrics:
            raise UserError(
                "--energy requires --dataset and cannot be combined with --target-samples or "
                "--all-metrics."
            )
        from ebmark.cli._evaluate import evaluate_energy

        return evaluate_energy(energy, dataset=dataset, seed=checked_seed(seed))
    from ebmark.cli._evaluate import evaluate_samples

    how = {"seed": seed, "all_metrics": all_metrics, "max_samples": max_samples}
    return evaluate_samples(samples, target_samples=target_samples, dataset=dataset, **how)
