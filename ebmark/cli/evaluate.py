"""`ebmark evaluate`: evaluate samples or an energy function."""

from pathlib import Path

from ebmark.cli._common import Positional, checked_seed
from ebmark.errors import UserError


def evaluate(
    samples: Positional[Path | None] = None,
    /,
    energy: str | None = None,
    against: Path | None = None,
    dataset: str | None = None,
    more: bool = False,
    points: int = 2_000,
    seed: int = 0,
) -> int:
    """Score anybody's samples, or energy function, against points or a built-in dataset.

    Args:
        samples: the points to judge, made by whatever program.
        energy: FILE.py:FUNCTION in place of samples, from NumPy points (n, dim) to energies (n,),
            made with whatever framework: KL, log Z and exact samples, on a --dataset of the plane.
        against: a file of points of the truth.
        dataset: a built-in dataset in place of --against.
        more: also the slower metrics, with their floors (a minute or two).
        points: how many of each are compared, at most; 100,000 take minutes, by other metrics.
        seed: of the subsets that are compared.
    """
    if (samples is None) == (energy is None):
        raise UserError("give one of SAMPLES and --energy FILE.py:FUNCTION: what is to be judged")
    if energy is not None:
        if against is not None or more:
            raise UserError("--energy is judged against a --dataset alone, without --more")
        from ebmark.cli._evaluate import evaluate_energy

        return evaluate_energy(energy, dataset=dataset, seed=checked_seed(seed))
    from ebmark.cli._evaluate import evaluate_samples

    how = {"seed": seed, "more": more, "most": points}
    return evaluate_samples(samples, against=against, dataset=dataset, **how)
