"""Label, unit and description of every stored metric."""

from functools import partial
from typing import NamedTuple

from ebmark.store.units import DATA_UNITS

# A batch of 256 noise samples then has an effective size below 3.
MIN_NOISE_ESS = 0.01
# Chains that reject more moves than this barely leave their starting points.
MIN_ACCEPTANCE_RATE = 0.2


class MetricInfo(NamedTuple):
    """How a metric is presented.

    Attributes:
        label: Name in tables, figures and the report, such as `KL(target ‖ model)`.
        unit: Unit of the values; empty if they have none.
        description: Complete sentences; the first one is short and stands alone.
        higher_is_better: Whether a larger value is better; of most metrics a lower one is.
    """

    label: str
    unit: str
    description: str
    higher_is_better: bool = False

    @property
    def summary(self) -> str:
        """The first sentence of the description."""
        first, separator, _ = self.description.partition(". ")
        return first + "." if separator else first

    @property
    def label_with_unit(self) -> str:
        """`NLL, nats`; the label alone if the metric has no unit."""
        return f"{self.label}, {self.unit}" if self.unit else self.label


_HigherIsBetter = partial(MetricInfo, higher_is_better=True)

METRICS = {
    "kl": MetricInfo(
        "KL(target ‖ model)",
        "nats",
        "KL divergence of the model from the target. "
        "It is the excess of the NLL over the entropy of the target; 0 is perfect. In 1-D and 2-D "
        "it is computed by quadrature, without a sampler. For d > 2 it is estimated on the test "
        "points, with log Z by annealing; kl_lower and kl_upper are its 95% interval.",
    ),
    "kl_off_support": MetricInfo(
        "off-support KL",
        "nats",
        "Part of KL due to mass outside the 99.9% highest-density region of the target. "
        "Off-support, mode-weight and within-mode KL add up to KL.",
    ),
    "kl_mode_weights": MetricInfo(
        "mode-weight KL", "nats", "Part of KL due to wrong probabilities of the modes."
    ),
    "kl_within_mode": MetricInfo(
        "within-mode KL",
        "nats",
        "Part of KL due to wrong densities within the modes. "
        "It includes the shape of the density off the support.",
    ),
    "tv": MetricInfo(
        "TV",
        "",
        "Total variation distance of the model from the target, by quadrature. "
        "It is the largest error of the probability of any event, from 0 to 1.",
    ),
    "mode_weight_tv": MetricInfo(
        "mode-weight TV",
        "",
        "Total variation distance between the mode weights of model and target, by quadrature. "
        "It is the fraction of the mass in the wrong mode, from 0 to 1.",
    ),
    "nll": MetricInfo(
        "NLL",
        "nats",
        "Mean negative log-likelihood under the model. "
        "It is taken over the target where that is known in 1-D and 2-D, else over held-out "
        "points. Its minimum is the entropy of the target.",
    ),
    "log_z": MetricInfo(
        "log Z",
        "",
        "Logarithm of the normalizing constant of the energy. It does not measure quality.",
    ),
    "log_z_error": MetricInfo(
        "error of log Z",
        "",
        "Change with a wider box or a finer grid; for d > 2, the standard error of annealing.",
    ),
    "log_z_normal": MetricInfo(
        "log Z from N(0, I)",
        "",
        "Estimate of log Z by paths from N(0, I) alone (d > 2). "
        "Where it is lower than log Z, these paths miss a part of the mass.",
    ),
    "kl_lower": MetricInfo("lower bound of KL", "nats", "Lower end of the 95% interval of KL."),
    "kl_upper": MetricInfo("upper bound of KL", "nats", "Upper end of the 95% interval of KL."),
    "reverse_kl": MetricInfo(
        "reverse KL",
        "nats",
        "KL(model ‖ target) over the model's samples (d > 2). It sees mass off the target.",
    ),
    "off_target_mass": MetricInfo(
        "mass off the target",
        "",
        "Fraction of the model's samples off the support of the target (d > 2). "
        "The target is less dense there than at 99.9% of its own points.",
    ),
    "high_quality_fraction": _HigherIsBetter(
        "high-quality fraction",
        "",
        "Fraction of samples in the 99% highest-density region of the target. "
        "It is 0.99 for the target and insensitive to missing modes.",
    ),
    "mode_frequency_tv": MetricInfo(
        "mode-frequency TV",
        "",
        "Total variation distance between the mode frequencies of samples and target samples. "
        "It ranges from 0 to 1 and is positive even for a perfect model.",
    ),
    "w1": MetricInfo(
        "W1",
        DATA_UNITS,
        "1-Wasserstein distance between two samples. "
        "It is the smallest mean distance by which points must be moved to turn one sample into "
        "the other, and is positive even for a perfect model: compare it with its null range.",
    ),
    "w1_sampling_error": MetricInfo(
        "sampling error (W1)",
        DATA_UNITS,
        "W1 between Langevin samples and exact samples of the same energy. "
        "For d > 2, SMC samples replace the exact ones.",
    ),
    "w1_sampling_error_null": MetricInfo(
        "null of the sampling error",
        DATA_UNITS,
        "W1 between two independent exact samples of the energy. "
        "For d > 2, SMC samples replace the exact ones.",
    ),
    "w2": MetricInfo(
        "W2",
        DATA_UNITS,
        "2-Wasserstein distance between two samples. "
        "It averages squared distances, so that it weights distant points more than W1.",
    ),
    "sliced_w2": MetricInfo(
        "sliced W2",
        DATA_UNITS,
        "Root mean squared W2 of one-dimensional projections of two samples. "
        "It is cheaper than W2 and less sensitive.",
    ),
    "mmd_sq": MetricInfo(
        "squared MMD",
        "",
        "Squared maximum mean discrepancy, unbiased, with Gaussian kernels of four widths. "
        "Its mean is 0 for equal distributions, so it can be negative.",
    ),
    "fisher_divergence": MetricInfo(
        "Fisher divergence",
        "",
        "Mean squared error of the score under the target. "
        "It is insensitive to the weights of well-separated modes. In 1-D and 2-D it is computed "
        "by quadrature, for d > 2 on the test points.",
    ),
    "energy_distance_sq": MetricInfo(
        "squared energy distance",
        DATA_UNITS,
        "Squared energy distance between two samples, unbiased. "
        "Its mean is 0 for equal distributions, so it can be negative.",
    ),
    "sinkhorn": MetricInfo(
        "Sinkhorn divergence",
        "",
        "Squared W2 with entropic regularization, debiased.",
    ),
    "c2st": MetricInfo(
        "C2ST",
        "",
        "Cross-validated accuracy of a classifier of samples against target samples. "
        "It is 0.5 where the classifier finds no difference.",
    ),
    "ksd_sq": MetricInfo(
        "squared KSD",
        "",
        "Squared kernel Stein discrepancy of samples from the target's score, unbiased. "
        "Its mean is 0 for target samples. It is insensitive to the weights of well-separated "
        "modes.",
    ),
    "precision": _HigherIsBetter(
        "precision", "", "Fraction of samples within the k-NN radius of a target sample."
    ),
    "recall": _HigherIsBetter(
        "recall", "", "Fraction of target samples within the k-NN radius of a sample."
    ),
    "density": _HigherIsBetter(
        "density",
        "",
        "Mean number of target samples whose k-NN radius contains a sample, divided by k. "
        "It is about 1 for the target.",
    ),
    "coverage": _HigherIsBetter(
        "coverage", "", "Fraction of target samples whose k-NN radius contains a sample."
    ),
    "noise_ess": _HigherIsBetter(
        "noise ESS",
        "",
        "Normalized effective sample size of noise samples reweighted to the model. "
        "It is a fraction in (0, 1]; near 0 the noise is too different from the model.",
    ),
    "acceptance_rate": _HigherIsBetter(
        "acceptance rate",
        "",
        "Fraction of accepted moves of Metropolis-adjusted chains started at the data. "
        "Near 0 the chains hardly move.",
    ),
    "particle_ess": _HigherIsBetter(
        "particle ESS",
        "",
        "Normalized effective sample size of the weighted particles, in (0, 1].",
    ),
    "train_seconds": MetricInfo(
        "training time", "s", "Elapsed time of training, without compilation."
    ),
    "train_cpu_seconds": MetricInfo(
        "training CPU time", "s", "CPU time of training, without compilation."
    ),
    "compile_seconds": MetricInfo("compilation time", "s", "Elapsed time of compilation."),
    "sample_seconds": MetricInfo("sampling time", "s", "Elapsed time of Langevin sampling."),
    "network_evaluations": MetricInfo(
        "network evaluations",
        "",
        "Forward passes of one point during training. "
        "A gradient in the parameters counts as 3, in x as 2.",
    ),
    "num_updates": MetricInfo("updates", "", "Number of optimizer updates."),
    "best_step": MetricInfo(
        "best step",
        "updates",
        "Number of updates after which the validation loss was lowest. "
        "Early stopping keeps the energy of that step.",
    ),
}
COSTS = frozenset({"train_seconds", "train_cpu_seconds", "compile_seconds", "sample_seconds"})
COSTS |= {"network_evaluations", "num_updates"}
# No value of these is better, so that no table marks one.
UNRANKED = COSTS | {"log_z", "log_z_error", "log_z_normal", "best_step", "kl_lower", "kl_upper"}
UNRANKED |= {"w1_sampling_error", "w1_sampling_error_null"}
SAMPLE_KINDS = {"langevin": "Langevin", "exact": "exact", "smc": "SMC", "native": "native"}


def metric_info(metric: str, unit: str = DATA_UNITS) -> MetricInfo:
    """Return label, unit and description of a stored metric, with or without a kind of samples.

    Args:
        metric: A key of `METRICS`, alone or followed by a kind of samples and a number of chain
            steps, as in `w1_langevin_500`. Other names are returned as their own label.
        unit: Unit of distances between samples, `distance_unit` of the study.

    Example:
        >>> metric_info("w1_exact").label
        'W1 of exact samples'
        >>> metric_info("w1_langevin_500").label
        'W1 of Langevin samples, 500 steps'
    """
    if metric in METRICS:
        info = METRICS[metric]
        return info._replace(unit=unit) if info.unit == DATA_UNITS else info
    for kind, adjective in SAMPLE_KINDS.items():
        base, separator, steps = metric.partition(f"_{kind}")
        if not separator or base not in METRICS:
            continue
        samples = f"{adjective} samples"
        if steps[1:].isdigit():
            samples += f", {int(steps[1:]):,} steps"
        info = metric_info(base, unit)
        return info._replace(
            label=f"{info.label} of {samples}",
            description=f"{info.description} Here the model is represented by {samples}.",
        )
    return MetricInfo(metric, "", "")


def stem(metric: str) -> str:
    """Return the metric without its kind of samples: `w1` for `w1_langevin_500`.

    Example:
        >>> stem("mode_frequency_tv_native"), stem("w1_sampling_error")
        ('mode_frequency_tv', 'w1_sampling_error')
    """
    if metric in METRICS:
        return metric
    for kind in SAMPLE_KINDS:
        metric = metric.partition(f"_{kind}")[0]
    return metric
