"""scikit-learn's own tests of the estimator, with its defaults and no expected failure."""

import warnings

import pytest
from sklearn.utils.estimator_checks import check_estimator

import ebmark as eb


@pytest.mark.full
def test_every_check_of_scikit_learn_passes(unchecked_shapes):
    """The only check that is skipped needs SCIPY_ARRAY_API."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(eb.EnergyModel(), on_skip=None)
    kept = [result for result in results if result["status"] != "passed"]
    assert [result["check_name"] for result in kept] in ([], ["check_array_api_input"])
    assert len(results) > 40
