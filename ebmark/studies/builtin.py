"""The built-in studies: benchmarks, and ablation studies that vary one factor each."""

import dataclasses

from ebmark.datasets import DATASETS, AbstractFitted
from ebmark.energies import Network
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.studies.study import Axis, Study
from ebmark.training.search_spaces import Range, space_of

CORE = ("cd", "pcd", "dsm", "nce", "ed")
TUNED_ON = ("eight_gaussians", "half_moons", "eight_gaussians_unequal")
# Network evaluations per run, as in tuning: 3,906 updates of NCE, 901 of CD with 10 steps.
BUDGET = 6_000_000


def short_study(
    *,
    name: str,
    title: str,
    question: str,
    deciding_metric: str = "kl",
    methods: tuple[str, ...],
    datasets: tuple[str, ...] = ("eight_gaussians", "half_moons"),
    seeds: int = 6,
    variants: tuple[str, ...] = ("default",),
    network_evaluations: int | None = BUDGET,
    num_samples: int = 1_000,
    num_metric_samples: int = 500,
    langevin_steps: int = 500,
    energy: Network | None = None,
    sweep: dict[str, Axis] | None = None,
    dataset_axis: str | None = None,
    plot_metrics: tuple[str, ...] = (),
) -> Study:
    """Return a study of many short runs with one snapshot, all at one budget.

    The arguments are the fields of `Study`. Six seeds are the fewest whose median has a 95%
    interval.
    """
    return Study(
        name=name,
        title=title,
        question=question,
        deciding_metric=deciding_metric,
        datasets=datasets,
        methods=methods,
        seeds=seeds,
        variants=variants,
        network_evaluations=network_evaluations,
        num_samples=num_samples,
        num_metric_samples=num_metric_samples,
        langevin_steps=langevin_steps,
        num_snapshots=1,
        energy=Network() if energy is None else energy,
        sweep={} if sweep is None else sweep,
        dataset_axis=dataset_axis,
        plot_metrics=plot_metrics,
    )


# One or two of each family, whose cost and noise stay moderate in 32 dimensions.
_HIGH_DIMENSIONAL = ("cd", "pcd", "jarzynski", "dsm", "diffclf", "ssm_vr", "ed", "nce", "nce_flow")
_HIGH_DIMENSIONAL += ("cnce", "gaussian", "flow")
_BASELINES = ("gaussian", "mixture", "kde", "flow")
_FAMILIES = ("gaussian_mixture", "many_well", "banana")
_FITTED = tuple(name for name, dataset in DATASETS.items() if isinstance(dataset, AbstractFitted))
# Selected on other images, as were the others for d > 2: benchmarks/studies/recipes_above_2d.py.
_OF_IMAGES = {"nce": {"learning_rate": 1e-3, "method": {"scale": 1.5}}}
# The energy on new points minus that on training points, after the updates of the recipes (1 seed):
# DSM 0.8 nats with 100,000 points, 0.2 with 700,000. A run draws 500,000 in 14 s, and needs 2.4 GB.
# 750 samples cost 256 particles per path, and chains are short, as KL needs none.
_IMAGES = Study(
    name="images",
    title="Six methods and four baselines on targets fitted to images of 64 pixels",
    question="Which method reaches the lowest KL on images of digits of 64 pixels?",
    datasets=("digits_64", "digits_64_warped"),
    methods=("cd", "pcd", "dsm", "diffclf", "nce", "ed", *_BASELINES),
    seeds=5,
    num_train=500_000,
    num_metric_samples=750,
    langevin_steps=200,
    num_snapshots=2,
)
_BENCHMARKS = (
    Study(question="Which training method reaches the lowest KL on two 2-D datasets?"),
    Study(
        name="mode_weights",
        title="Recovery of mode weights",
        question="Which method recovers the weights of well-separated modes?",
        deciding_metric="mode_weight_tv",
        datasets=("eight_gaussians_unequal", "eight_gaussians_unequal_separated"),
    ),
    Study(
        name="all",
        title="All methods on all 2-D datasets",
        question="Which method reaches the lowest KL on each 2-D dataset?",
        datasets=tuple(name for name, dataset in DATASETS.items() if dataset.dim <= 2),
        methods=tuple(METHODS),
    ),
    dataclasses.replace(_IMAGES, recipes=_OF_IMAGES),
    dataclasses.replace(
        _IMAGES,
        name="images_196",
        title="Three methods and four baselines on a target fitted to images of 196 pixels",
        question="Which method reaches the lowest KL on images of digits of 196 pixels?",
        datasets=("mnist_196",),
        methods=("cd", "dsm", "diffclf", *_BASELINES),
        seeds=3,
        num_train=200_000,
    ),
    dataclasses.replace(
        _IMAGES,
        name="tables",
        title="Six methods and four baselines on targets fitted to tables, with early stopping",
        question="Which method reaches the lowest KL on 1,000 rows of 13 to 30 columns?",
        datasets=tuple(name for name in _FITTED if DATASETS[name].dim < 64),
        num_train=1_000,
        early_stopping=True,
    ),
    dataclasses.replace(
        _IMAGES,
        name="analytic",
        title="Six methods and three baselines on analytic densities in 8 to 128 dimensions",
        question="Which method reaches the lowest KL in 8 to 128 dimensions?",
        datasets=(
            *(f"{name}_{dim}" for name in _FAMILIES for dim in (8, 32, 128)),
            "funnel_10",
        ),
        methods=("cd", "pcd", "dsm", "diffclf", "nce", "ed", "gaussian", "mixture", "flow"),
        seeds=3,
        num_train=100_000,
    ),
    dataclasses.replace(
        _IMAGES,
        name="fitted",
        title="Selected methods on targets fitted to real data",
        question="Which method reaches the lowest KL on targets fitted to real data?",
        datasets=_FITTED,
        methods=_HIGH_DIMENSIONAL,
        seeds=3,
        num_train=200_000,
    ),
    Study(
        name="smoke",
        title="Smoke test",
        question="Which method reaches the lowest KL in a very short run?",
        methods=("cd", "pcd", "dsm", "nce", "mle"),
        seeds=2,
        num_updates=60,
        num_train=500,
        num_samples=100,
        num_metric_samples=100,
        langevin_steps=40,
        num_snapshots=2,
    ),
    Study(
        name="comparison",
        title="CD, PCD, DSM, NCE and ED at equal budgets, default and tuned",
        question="Which method and recipe reaches the lowest KL at an equal budget?",
        datasets=TUNED_ON,
        methods=(*CORE, "mle"),
        variants=("default", "tuned"),
        network_evaluations=BUDGET,
    ),
)

_ABLATIONS = (
    short_study(
        name="separation",
        title="KL and mode weights vs. mode separation",
        question="Which method recovers mode weights as the modes separate?",
        deciding_metric="mode_weight_tv",
        datasets=(
            "eight_gaussians_unequal_r4",
            "eight_gaussians_unequal",
            "eight_gaussians_unequal_r12",
            "eight_gaussians_unequal_separated",
        ),
        methods=(*CORE, "diffclf"),
        seeds=3,
        langevin_steps=2_000,
        dataset_axis="separation",
        plot_metrics=("kl", "mode_weight_tv", "mode_frequency_tv_langevin"),
    ),
    short_study(
        name="data_size",
        title="KL vs. training set size",
        question="Which method reaches the lowest KL at each training set size?",
        datasets=("half_moons",),
        methods=("cd", "dsm", "nce", "ed", "mle"),
        seeds=3,
        sweep={"num_train": (100, 300, 1_000, 3_000, 10_000, 100_000)},
    ),
    short_study(
        name="dimension",
        title="KL and Fisher divergence in 2 to 32 dimensions",
        question="Which method reaches the lowest KL in 2 to 32 dimensions?",
        datasets=(
            *(f"gaussian_mixture_{dim}" for dim in (2, 4, 8, 16, 32)),
            "double_well",
            *(f"many_well_{dim}" for dim in (4, 8, 16, 32)),
        ),
        methods=("dsm", "nce", "ed"),
        seeds=3,
        # For d > 2 most of the time of a run goes to log Z.
        num_samples=250,
        num_metric_samples=250,
        # Random features with the bandwidth for 2-D data carry no information in 16 dimensions.
        energy=Network(num_features=0, width=128),
        dataset_axis="dim",
        plot_metrics=("kl", "fisher_divergence", "mode_frequency_tv_langevin"),
    ),
    short_study(
        name="nce_noise",
        title="NCE: noise distribution and scale",
        question="Which noise distribution and scale give NCE the lowest KL?",
        datasets=("half_moons",),
        methods=("nce",),
        seeds=3,
        sweep={
            "method.scale": (0.5, 1.0, 1.5, 2.0, 3.0),
            "method.noise": ("gaussian", "mixture", "kde", "box", "flow", "self"),
        },
    ),
    short_study(
        name="budget",
        title="KL vs. budget",
        question="Which method and recipe reaches the lowest KL at each budget?",
        methods=(*CORE, "mle"),
        variants=("default", "tuned"),
        network_evaluations=None,
        sweep={"network_evaluations": tuple(BUDGET * factor // 4 for factor in (1, 2, 4, 8, 16))},
    ),
    short_study(
        name="chain_length",
        title="CD and PCD: chain length at a fixed budget",
        question="Which chain length gives CD and PCD the lowest KL at a fixed budget?",
        methods=("cd", "pcd", "mle"),
        seeds=3,
        sweep={"method.num_steps": (1, 2, 5, 10, 20, 40)},
    ),
    short_study(
        name="dsm_noise_level",
        title="DSM: noise level",
        question="Which noise level gives DSM the lowest KL?",
        methods=("dsm", "mle"),
        sweep={"method.sigma": (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)},
    ),
)

STUDIES: dict[str, Study] = {study.name: study for study in (*_BENCHMARKS, *_ABLATIONS)}


def sensitivity(
    method: str, datasets: tuple[str, ...], seeds: int, network_evaluations: int
) -> Study:
    """Return a grid study over the search space of a method's own hyperparameters.

    Args:
        method: a method with a search space.
        datasets: built-in datasets.
        seeds: runs per grid point.
        network_evaluations: the budget of each run.

    Raises:
        UserError: if the method has no hyperparameters that are searched.
    """
    space = space_of(method)
    own_axes = [axis for axis in space if axis.startswith("method.")]
    if not own_axes:
        raise UserError(
            f"'{method}' has no hyperparameters in its search space. "
            "Choose another method, or add a space to ebmark/training/search_spaces.py."
        )
    return short_study(
        name=f"sensitivity_{method}",
        title=f"Sensitivity of {method} to its hyperparameters",
        question=f"Which hyperparameters give {method} the lowest KL?",
        datasets=datasets,
        methods=(method,),
        seeds=seeds,
        network_evaluations=network_evaluations,
        sweep={axis: _grid(space[axis], len(own_axes)) for axis in own_axes},
    )


def _grid(values: Range | tuple[int, ...], num_axes: int) -> Axis:
    """Return log-spaced values of two digits: nine along a single axis, six along two."""
    if not isinstance(values, Range):
        return values
    num = 9 if num_axes == 1 else 6
    ratio = values.high / values.low
    return tuple(float(f"{values.low * ratio ** (i / (num - 1)):.2g}") for i in range(num))
