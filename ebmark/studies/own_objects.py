"""Methods and datasets that are objects of this session: registered by name and definition."""

import hashlib
import re
from typing import TypeAlias

import jax.random as jr

from ebmark.datasets import DATASETS, Dataset, SyntheticDataset
from ebmark.energies import NETWORKS
from ebmark.errors import UserError
from ebmark.methods import AbstractMethod, Recipe
from ebmark.studies import plugins
from ebmark.studies.digests import digest
from ebmark.studies.study import Study
from ebmark.training.inputs import check_energy
from ebmark.training.recipes import RECIPES

Method: TypeAlias = str | AbstractMethod | Recipe


def method_name(method: Method) -> str:
    """Register a method that is an object, and return its name."""
    if isinstance(method, str):
        return method
    recipe = method if isinstance(method, Recipe) else Recipe(method=method)
    kind = type(recipe.method)
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind.__name__).lower()
    own_loss = getattr(kind, "function", None)
    defined = own_loss if own_loss is not None else recipe.method
    plugins.register("METHODS", name, recipe, digest(defined))
    return name


def dataset_name(dataset: str | SyntheticDataset) -> str:
    """Register a dataset that is an object, and return its name."""
    if isinstance(dataset, str):
        return dataset
    if isinstance(dataset, Dataset):
        fingerprint = hashlib.sha256(dataset.fingerprint.encode()).hexdigest()
        plugins.register("DATASETS", dataset.name, dataset, fingerprint)
    elif not isinstance(dataset, SyntheticDataset):
        raise UserError(
            "A dataset must be a name or an eb.Dataset with a density, not "
            f"{type(dataset).__name__}. Compare methods on points by `ebmark run --data FILE`."
        )
    return dataset.name


def check_network(study: Study) -> None:
    """Raise UserError if the network of the study is not one for each method and dataset."""
    if study.energy.own is None:
        return
    for method in study.methods:
        for dataset in study.datasets:
            try:
                num_inputs = DATASETS[dataset].dim + RECIPES[method].method.num_extra_inputs
                network = NETWORKS[study.energy.own](num_inputs, jr.key(0))
                check_energy(network, RECIPES[method], DATASETS[dataset].dim)
            except (TypeError, ValueError) as error:
                raise UserError(f"{method} on {dataset}: {' '.join(str(error).split())}") from error
