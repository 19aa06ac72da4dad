"""The built-in studies: the comparison, and the questions, each one command."""

from typing import Any

from ebmark.datasets import DATASETS
from ebmark.energies import Network
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.studies.study import Study
from ebmark.training.search_spaces import Range, space_of

CORE = ("cd", "pcd", "dsm", "nce", "ed")
TUNED_ON = ("eight_gaussians", "half_moons", "eight_gaussians_unequal")
BUDGET = 6_000_000  # evaluations of the network, as in tuning: 3,906 updates of NCE, 901 of CD-10
# questions have many cells: what they do not ask is made short, and the budget is one for all
_SHORT: dict[str, Any] = {
    "network_evaluations": BUDGET,
    "seeds": 6,  # the fewest whose median has a 95 % interval
    "num_samples": 1_000,
    "num_metric_samples": 500,
    "langevin_steps": 500,
    "num_snapshots": 1,
}

STUDIES: dict[str, Study] = {
    "toy": Study(),
    "mode_weights": Study(
        name="mode_weights",
        title="Who sees the weights of the modes?",
        datasets=("eight_gaussians_unequal", "eight_gaussians_unequal_separated"),
    ),
    "all": Study(
        name="all",
        title="Every method on every law of the plane",
        datasets=tuple(name for name, law in DATASETS.items() if law.dim <= 2),
        methods=tuple(METHODS),
    ),
    "high_dimensional": Study(
        name="high_dimensional",
        title="In 4 to 32 dimensions, where no grid goes",
        datasets=tuple(name for name, law in DATASETS.items() if law.dim > 2),
        # one or two of each family; those whose cost or noise does not grow out of hand
        methods=("cd", "pcd", "jarzynski", "dsm", "diffclf", "ssm_vr", "ed", "nce", "nce_flow")
        + ("cnce", "gaussian", "flow"),
        seeds=3,
    ),
    "smoke": Study(
        name="smoke",
        title="All that runs, in seconds",
        methods=("cd", "pcd", "dsm", "nce", "mle"),
        seeds=2,
        num_updates=60,
        num_train=500,
        num_samples=100,
        num_metric_samples=100,
        langevin_steps=40,
        num_snapshots=2,
    ),
    "comparison": Study(
        name="comparison",
        title="The core methods at one budget, as they come and tuned",
        datasets=TUNED_ON,
        methods=(*CORE, "mle"),
        variants=("default", "tuned"),
        network_evaluations=BUDGET,
    ),
    # questions
    "separation": Study(
        name="separation",
        title="Modes drawn apart: whose weights are right, and do chains mix?",
        datasets=(
            "eight_gaussians_unequal_r4",
            "eight_gaussians_unequal",
            "eight_gaussians_unequal_r12",
            "eight_gaussians_unequal_separated",
        ),
        methods=(*CORE, "diffclf"),
        dataset_axis="separation",
        plot_metrics=("kl", "mode_weight_tv", "mode_frequency_tv_langevin"),
        **_SHORT | {"seeds": 3, "langevin_steps": 2_000},
    ),
    "data_size": Study(
        name="data_size",
        title="How many points does a method need?",
        datasets=("half_moons",),
        methods=("cd", "dsm", "nce", "ed", "mle"),
        sweep={"num_train": (100, 300, 1_000, 3_000, 10_000, 100_000)},
        **_SHORT | {"seeds": 3},
    ),
    "dimension": Study(
        name="dimension",
        title="From 2 to 32 dimensions: where noise no longer meets the data",
        datasets=(
            *(f"gaussian_mixture_{dim}" for dim in (2, 4, 8, 16, 32)),
            "double_well",
            *(f"many_well_{dim}" for dim in (4, 8, 16, 32)),
        ),
        methods=("dsm", "nce", "ed"),
        dataset_axis="dim",
        plot_metrics=("kl", "fisher_divergence", "mode_frequency_tv_langevin"),
        energy=Network(num_features=0, width=128),  # the plane's features say nothing in 16
        # above the plane a cell's time is that of its tempered chains
        **_SHORT | {"seeds": 3, "num_samples": 250, "num_metric_samples": 250},
    ),
    "noise": Study(
        name="noise",
        title="NCE: which noise, and how wide?",
        datasets=("half_moons",),
        methods=("nce",),
        sweep={
            "method.scale": (0.5, 1.0, 1.5, 2.0, 3.0),
            "method.noise": ("gaussian", "mixture", "kde", "box", "flow", "self"),
        },
        **_SHORT | {"seeds": 3},
    ),
    "budget": Study(
        name="budget",
        title="What does a larger budget buy?",
        methods=(*CORE, "mle"),
        variants=("default", "tuned"),
        sweep={"network_evaluations": tuple(BUDGET * share // 4 for share in (1, 2, 4, 8, 16))},
        **_SHORT | {"network_evaluations": None},
    ),
    "chain_length": Study(
        name="chain_length",
        title="CD and PCD: how many steps are worth their cost?",
        methods=("cd", "pcd", "mle"),
        sweep={"method.num_steps": (1, 2, 5, 10, 20, 40)},
        **_SHORT | {"seeds": 3},
    ),
    "dsm_noise_level": Study(
        name="dsm_noise_level",
        title="DSM: how much noise?",
        methods=("dsm", "mle"),
        sweep={"method.sigma": (0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5)},
        **_SHORT,
    ),
}


def sensitivity(
    method: str, datasets: tuple[str, ...], seeds: int, network_evaluations: int
) -> Study:
    """A method's own numbers over the whole of the space that it is tuned in, as a grid."""
    own = {axis: values for axis, values in space_of(method).items() if axis.startswith("method.")}
    if not own:
        raise UserError(f"{method} has no number of its own to be sensitive to; see spaces.py")
    return Study(
        name=f"sensitivity_{method}",
        title=f"How sensitive is {method} to its own numbers?",
        datasets=datasets,
        methods=(method,),
        sweep={axis: _grid(values, len(own)) for axis, values in own.items()},
        **_SHORT | {"seeds": seeds, "network_evaluations": network_evaluations},
    )


def _grid(values: Range | tuple[int, ...], axes: int) -> tuple[float, ...]:
    """Values evenly on the logarithm, round ones: nine along one axis, six along two."""
    if not isinstance(values, Range):
        return values
    num = 9 if axes == 1 else 6
    shares = (i / (num - 1) for i in range(num))
    return tuple(float(f"{values.low * (values.high / values.low) ** s:.2g}") for s in shares)
