"""What the metrics are called in print, and what each says in one line."""

from typing import NamedTuple

# of a noise weighted to the model: below, a batch of 256 noise points counts for fewer than 3
MIN_NOISE_ESS = 0.01
MIN_ACCEPTANCE_RATE = 0.2  # of the moves of adjusted chains: below, little is learned from them


class Meaning(NamedTuple):
    """A metric: its name in print, its unit, what it says in one line."""

    name: str
    unit: str
    says: str


METRICS = {
    "kl": Meaning(
        "KL",
        "nats",
        "KL(data || model): what a point of data costs more under the model than under the truth; "
        "0 is perfect. By quadrature: no sampler is involved. Above the plane: over the test "
        "points, with log Z between the bounds of annealed importance sampling.",
    ),
    "kl_off_support": Meaning(
        "kl_off_support",
        "nats",
        "The part of KL that is mass put off the data's support, outside its 99.9 % region. "
        "leak + masses + shapes = KL.",
    ),
    "kl_mode_weights": Meaning(
        "kl_mode_weights", "nats", "The part of KL that is wrong masses of the modes."
    ),
    "kl_within_mode": Meaning(
        "kl_within_mode", "nats", "The part of KL that is wrong shapes within the modes."
    ),
    "tv": Meaning("TV", "", "Total variation: the share of mass in the wrong place, 0 to 1."),
    "mode_weight_tv": Meaning("TV of modes", "", "The share of mass in the wrong mode, 0 to 1."),
    "nll": Meaning(
        "NLL",
        "nats",
        "Mean negative log-likelihood of the data under the normalised model; its floor is the "
        "entropy of the truth.",
    ),
    "log_z": Meaning(
        "log Z", "", "Log of the energy's normalising constant; neither good nor bad."
    ),
    "log_z_error": Meaning(
        "error of log Z",
        "",
        "How far log Z moves when box and resolution are doubled; above the plane, the gap between "
        "its bounds: where that is above half a nat, or tempered chains disagree, there is no KL.",
    ),
    "rhat_tempered": Meaning(
        "R-hat",
        "",
        "Split R-hat of the tempered chains that the bounds rest on; 1 where they agree.",
    ),
    "high_quality_fraction": Meaning(
        "high_quality_fraction",
        "",
        "Share of the samples where the truth is denser than at its own lowest 1 %: .99 for the "
        "truth. It says nothing of modes that are lost.",
    ),
    "mode_frequency_tv": Meaning(
        "wrong modes",
        "",
        "Total variation of the modes\u2019 shares of the samples and of true ones, 0 to 1.",
    ),
    "w1": Meaning(
        "W1",
        "data units",
        "Wasserstein-1: how far, on average, points must be moved to turn one set of samples into "
        "the other, at the least. It never reaches 0: see the floor.",
    ),
    "w1_sampling_error": Meaning(
        "W1 of the sampler",
        "data units",
        "W1 of Langevin samples to exact (above the plane: tempered) samples of the same energy: "
        "the sampler\u2019s error alone, beside the floor of that energy.",
    ),
    "w1_sampling_error_null": Meaning(
        "its floor",
        "data units",
        "W1 of two exact (above the plane: tempered) samples of the learned density.",
    ),
    "w2": Meaning(
        "W2",
        "data units",
        "Wasserstein-2: the same with squared distances, so that far points weigh more.",
    ),
    "sliced_w2": Meaning(
        "sliced W2", "data units", "W2 averaged over projections to a line: cheaper, and weaker."
    ),
    "mmd_sq": Meaning(
        "MMD\u00b2",
        "",
        "Maximum mean discrepancy, squared (Gaussian kernels of several widths, unbiased): about "
        "0 for equal laws, and at times below.",
    ),
    "fisher_divergence": Meaning(
        "Fisher",
        "",
        "Fisher divergence: the mean squared error of the score; blind to weights of far modes. "
        "By quadrature; above the plane over the test points.",
    ),
    "energy_distance_sq": Meaning(
        "energy distance\u00b2",
        "data units",
        "Energy distance, squared and unbiased: about 0 for equal laws, and at times below.",
    ),
    "sinkhorn": Meaning(
        "Sinkhorn", "", "Sinkhorn divergence: squared W2, smoothed by entropy and debiased."
    ),
    "c2st": Meaning(
        "C2ST", "", "How often a classifier tells samples from data; .5 where it cannot."
    ),
    "ksd_sq": Meaning(
        "KSD\u00b2",
        "",
        "Kernel Stein discrepancy of the samples from the law, by its score alone, squared and "
        "unbiased: about 0 for true samples. Blind to the weights of far modes.",
    ),
    "precision": Meaning("precision", "", "Share of the samples within reach of the data."),
    "recall": Meaning("recall", "", "Share of the data within reach of the samples."),
    "density": Meaning("density", "", "How densely data surround the samples; about 1."),
    "coverage": Meaning("coverage", "", "Share of the data with a sample in their reach."),
    "noise_ess": Meaning(
        "noise_ess",
        "",
        "Effective share of the noise sample when weighted to the model; near 0 the noise is too "
        "far away to learn from.",
    ),
    "acceptance_rate": Meaning(
        "acceptance_rate",
        "",
        "Share of the moves of chains from the data that Metropolis' rule accepts; near 0 they "
        "hardly move, and little is learned from them.",
    ),
    "particle_ess": Meaning("ESS", "", "Effective share of the weighted walkers, 0 to 1."),
    "train_seconds": Meaning("training", "s", "Wall seconds of training, without compilation."),
    "train_cpu_seconds": Meaning("CPU", "s", "CPU seconds of training, without compilation."),
    "compile_seconds": Meaning("compiling", "s", "Seconds of compilation."),
    "sample_seconds": Meaning("sampling", "s", "Seconds of the Langevin sampler."),
    "network_evaluations": Meaning(
        "network_evaluations", "", "Network evaluations in training, counted in points."
    ),
    "num_updates": Meaning("num_updates", "", "Updates of the parameters."),
    "best_step": Meaning(
        "kept",
        "num_updates",
        "The updates after which points that were not trained on were likeliest: that energy is "
        "kept (early stopping).",
    ),
}
COSTS = frozenset(
    "train_seconds train_cpu_seconds compile_seconds sample_seconds evaluations updates".split()  # noqa: SIM905
)
UNRANKED = COSTS | {
    "log_z",
    "log_z_error",
    "rhat_tempered",
    "w1_sampling_error",
    "w1_sampling_error_null",
}
UNRANKED |= {"best_step"}


def meaning(metric: str) -> Meaning:
    """What a metric is called and says, its sampler and steps included: `w1_langevin_500`."""
    if metric in METRICS:
        return METRICS[metric]
    for sampler in ("langevin", "exact", "tempered", "native"):
        stem, found, steps = metric.partition("_" + sampler)
        if found and stem in METRICS:
            label = sampler.replace("langevin", "Langevin").replace(
                "native", "the method\u2019s own"
            )
            label += f" {int(steps[1:]):,}" if steps[1:].isdigit() else ""
            base = METRICS[stem]
            says = f"{base.says} Here of {label} samples of the model."
            return base._replace(name=f"{base.name}, {label}", says=says)
    return Meaning(metric, "", "")


def stem(metric: str) -> str:
    """The metric without its sampler: `w1` of `w1_langevin_500`."""
    if metric in METRICS:
        return metric
    for sampler in ("_langevin", "_exact", "_tempered", "_native"):
        metric = metric.partition(sampler)[0]
    return metric
