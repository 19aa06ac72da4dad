"""The published studies: the folder of each in `results/`, and the command that makes it."""

from ebmark.methods import METHODS
from ebmark.studies.builtin import STUDIES as BENCHMARKS

TWO_2D = "--datasets eight_gaussians half_moons"
TUNED_ON = "--datasets eight_gaussians half_moons eight_gaussians_unequal"
# of `images`, by their recipes, once; `mle` needs a grid
_OTHERS = [name for name in METHODS if name not in (*BENCHMARKS["images"].methods, "mle")]
# Written by the first command; the studies of tuned recipes read it.
TUNED = "studies/tune/tuned.json"

# In the order of execution: the quickest answers first.
STUDIES = {
    "toy": "run toy --methods cd pcd dsm nce ed mle",
    "tune": f"tune {TUNED_ON} --seeds 3 --trials 10",
    "comparison": f"run comparison --seeds 20 --variants default {TUNED}",
    "mode_weights": "run mode_weights --methods ism dsm mdsm diffclf ed nce mle --seeds 10",
    "images": "run images --seeds 9",
    "images_196": "run images_196",
    "images_others": f"run images --datasets digits_64 --methods {' '.join(_OTHERS)} --seeds 1",
    "images_cd": "run benchmarks/studies/images_cd.toml",
    "images_updates": "run benchmarks/studies/images_updates.toml",
    "tables": "run tables",
    "analytic": "run analytic --seeds 1",
    "budget": f"run budget {TUNED_ON} --seeds 10 --variants default {TUNED}",
    "separation": "run separation --seeds 6",
    "data_size": "run data_size --seeds 6",
    "dimension": "run dimension --seeds 6",
    "nce_noise": "run nce_noise --seeds 6",
    "chain_length": "run chain_length --seeds 6",
    "dsm_noise_level": "run dsm_noise_level",
    "sensitivity_cd": "sensitivity cd --datasets half_moons",
    "sensitivity_nce": "sensitivity nce --datasets half_moons",
    "near_the_oracle": f"run all {TWO_2D} --methods ed nce cnce snl nce_flow mle --seeds 10",
    "external": "run benchmarks/studies/external.toml",
    "external_chains": "run benchmarks/studies/external_chains.toml",
    "all": "run all --seeds 3",
}

# modules that read the runs of a study, or its published folder, with their arguments
AFTERWARDS = {
    "toy": ["benchmarks.report.error_maps studies/edition/toy docs/images/error_maps.webp"],
    "images": [
        "benchmarks.metrics.imputation studies/edition/images",
        "benchmarks.metrics.power_64",
    ],
}
