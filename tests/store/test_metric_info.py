"""Labels and descriptions of the metrics."""

import doctest

import pytest

from ebmark.metrics import ADDITIONAL_SAMPLE_METRICS, SAMPLE_METRICS
from ebmark.metrics.power import _HIGHER_IS_BETTER
from ebmark.store import metric_info as module
from ebmark.store import units
from ebmark.store.metric_info import COSTS, METRICS, UNRANKED, metric_info, stem
from ebmark.store.units import DATA_UNITS, ROBUST_UNITS, distance_unit

SAMPLE_METRIC_NAMES = [*SAMPLE_METRICS, *ADDITIONAL_SAMPLE_METRICS]


@pytest.mark.parametrize("name", METRICS)
def test_description_is_sentences(name):
    info = METRICS[name]
    assert info.description.endswith(".") and info.summary.endswith(".")
    assert info.summary[0].isupper() or info.summary[0].isdigit()
    assert len(info.summary) <= 90
    assert info.description.startswith(info.summary)


@pytest.mark.parametrize("name", SAMPLE_METRIC_NAMES)
def test_every_sample_metric_is_described(name):
    assert name in METRICS


def test_costs_and_unranked_metrics_are_described():
    assert COSTS < UNRANKED <= METRICS.keys()


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("w1_exact", "W1 of exact samples"),
        ("w1_smc", "W1 of SMC samples"),
        ("mmd_sq_native", "squared MMD of native samples"),
        ("w1_langevin_500", "W1 of Langevin samples, 500 steps"),
        ("kl_off_support", "off-support KL"),
        ("my_metric", "my_metric"),
    ],
)
def test_label_names_metric_and_samples(metric, label):
    assert metric_info(metric).label == label


@pytest.mark.parametrize("kind", ["langevin", "exact", "smc", "native", "langevin_1000"])
@pytest.mark.parametrize("name", ["w1", "mode_frequency_tv", "mmd_sq"])
def test_stem_removes_kind_of_samples(name, kind):
    assert stem(f"{name}_{kind}") == name


def test_direction_agrees_with_power_of_metrics():
    """The package of metrics may not import this one, and states the direction of its own."""
    rising = {name for name, info in METRICS.items() if info.higher_is_better}
    of_samples = {*SAMPLE_METRIC_NAMES, "high_quality_fraction"}
    assert rising & of_samples == _HIGHER_IS_BETTER
    assert rising - of_samples == {"noise_ess", "acceptance_rate", "particle_ess"}
    assert metric_info("high_quality_fraction_langevin_500").higher_is_better


def test_stem_keeps_complete_metric_names():
    assert all(stem(name) == name for name in METRICS)


def test_examples_run():
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("metric", ["w1", "w2_exact", "sliced_w2_langevin", "w1_sampling_error"])
def test_distances_have_unit_of_the_study(metric):
    """Distances of user data are in robust standard deviations, those of datasets in data units."""
    study = {"dataset_info": {"mine": {"unit": ROBUST_UNITS}}}
    assert metric_info(metric, distance_unit(study)).label_with_unit.endswith(ROBUST_UNITS)
    assert metric_info(metric).unit == DATA_UNITS == distance_unit({"dataset_info": {}})
    assert metric_info("kl", ROBUST_UNITS).unit == "nats" and not metric_info("tv", "m").unit
    assert doctest.testmod(units).failed == 0
