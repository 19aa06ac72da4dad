"""All that ebmark knows by name, with a line each."""

import inspect
import re

from ebmark.datasets import DATASETS
from ebmark.methods import METHODS
from ebmark.samplers import SAMPLERS
from ebmark.study import STUDIES

METRICS = {
    "kl": "KL(data || model), nats, by quadrature: the excess of NLL over the entropy",
    "leak": "the part of KL from mass put off the data's support",
    "masses": "the part of KL from wrong masses of the modes",
    "shapes": "the part of KL from wrong shapes within the modes",
    "tv": "total variation, by quadrature: the largest error of any event's probability",
    "nll": "negative log-likelihood of the truth (or of held-out points), nats",
    "log_z": "log Z of the energy, by quadrature",
    "log_z_error": "by how much twice the box or half the nodes move log Z",
    "mode_tv": "total variation of the masses of the modes",
    "fisher": "Fisher divergence, by quadrature: squared error of the score, blind to far weights",
    "w1": "exact 1-Wasserstein distance of two samples",
    "w2": "exact 2-Wasserstein distance of two samples",
    "sliced_w2": "mean over directions of the 2-Wasserstein distance on a line",
    "mmd": "squared maximum mean discrepancy, unbiased, kernels of several widths",
    "energy_distance": "squared energy distance, unbiased",
    "sinkhorn": "debiased transport smoothed by entropy",
    "c2st": "accuracy of a classifier that tells samples from data; .5 where it cannot",
    "precision": "share of the samples within reach of the data",
    "recall": "share of the data within reach of the samples",
    "density": "how densely the data surround the samples; about 1",
    "coverage": "share of the data that have a sample within their reach",
}


def about(kind: type) -> dict[str, str]:
    """Title, line, equation and reference of a class, out of its name and docstring."""
    paragraphs = (inspect.getdoc(kind) or "").split("\n\n")
    equation = next((p for p in paragraphs if p.startswith("$$")), "")
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", kind.__name__)
    return {
        "title": words[0] + words[1:].lower() if not words.isupper() else words,
        "line": paragraphs[0].replace("\n", " ").rstrip("."),
        "loss": " ".join(equation.strip("$ \n").split()),
        "reference": " ".join(paragraphs[-1].split()),
    }


def catalogue() -> dict[str, dict[str, str]]:
    """Kind -> name -> line."""
    return {
        "studies": {name: study.title for name, study in STUDIES.items()},
        "datasets": {name: _dataset(name) for name in DATASETS},
        "methods": {name: about(type(recipe.method))["line"] for name, recipe in METHODS.items()},
        "samplers": {name: about(sampler)["line"] for name, sampler in SAMPLERS.items()},
        "metrics": METRICS,
    }


def _dataset(name: str) -> str:
    dataset = DATASETS[name]
    numbers = f"{dataset.modes} modes, entropy {dataset.entropy:.4f} nats"
    return f"{dataset.words} ({numbers})"
