"""`ebmark evaluate`: evaluate samples or an energy function."""

from pathlib import Path

from ebmark.cli._common import MAX_COMPARED, Positional, check_seed
from ebmark.cli.plugin_files import load_plugins
from ebmark.errors import UserError

_MIN_SAMPLES = 10


def evaluate(
    samples: Positional[Path | None] = None,
    /,
    energy: str | None = None,
    target_samples: Path | None = None,
    dataset: str | None = None,
    model: Path | None = None,
    all_metrics: bool = False,
    max_samples: int = MAX_COMPARED,
    seed: int = 0,
    plugin: tuple[Path, ...] = (),
    network: str | None = None,
) -> int:
    """Evaluate samples or an energy function.

    Args:
        samples: a file of samples to evaluate, written by any program.
        energy: FILE.py:FUNCTION instead of samples; maps NumPy points (n, dim) to energies (n,).
            Reports KL, log Z and metrics of the density's samples on --dataset. Above 2-D it must
            be written with jax.numpy, as log Z needs its gradient.
        target_samples: a file of samples of the target.
        dataset: a built-in dataset as target, instead of --target-samples.
        model: a model of `ebmark fit`, which reads tables of any columns. Prints the likelihood of
            the rows of SAMPLES and compares its own samples with them; with --target-samples,
            compares the two files.
        all_metrics: also compute the slower metrics and their null ranges (one to two minutes).
        max_samples: maximum number of samples of each kind; 100,000 take minutes and use
            metrics for large samples.
        seed: seed of the subsets that are compared.
        plugin: Python files that define DATASETS.
        network: FILE.py:FUNCTION of the model's network, if it was trained with one.
    """
    load_plugins(plugin, datasets=[] if dataset is None else [dataset], network=network)
    if energy is not None and samples is None:
        if target_samples is not None or all_metrics:
            raise UserError(
                "--energy requires --dataset and cannot be combined with --target-samples or "
                "--all-metrics."
            )
        from ebmark.cli._evaluate import evaluate_energy

        return evaluate_energy(energy, dataset=dataset, seed=check_seed(seed))
    if energy is not None or samples is None:
        raise UserError(
            "Specify what to evaluate: pass exactly one of SAMPLES and --energy FILE.py:FUNCTION."
        )
    if max_samples < _MIN_SAMPLES:
        raise UserError(f"--max-samples must be at least {_MIN_SAMPLES}, not {max_samples}.")
    check_seed(seed)
    options = {"seed": seed, "all_metrics": all_metrics, "max_samples": max_samples}
    if model is not None:
        if dataset is not None:
            raise UserError("--model and --dataset are mutually exclusive; set only one.")
        from ebmark.cli._evaluate import evaluate_model

        return evaluate_model(samples, model, target_samples=target_samples, **options)
    from ebmark.cli._evaluate import evaluate_samples

    return evaluate_samples(samples, target_samples=target_samples, dataset=dataset, **options)
