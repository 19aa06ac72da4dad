"""Saved estimators: equal scores and samples, the table's columns, and one line for bad files."""

import copy
import pickle
import warnings

import jax.numpy as jnp
import joblib
import numpy as np
import pandas as pd
import pytest
from helpers.costs import full_unless
from helpers.mixed_tables import OPTIONS, fit, orders
from sklearn.base import clone

import ebmark as eb
from ebmark.training.model import load_model, save_model
from ebmark.training.tree_file import read_header, save_tree


def x_of(dim):
    return np.random.default_rng(0).normal(size=(120, dim)) * 3 + 100


CASES = {
    "array 2-D": lambda: fit(x_of(2), "nce"),
    "array 3-D": lambda: fit(x_of(3), "nce", early_stopping=True),
    "kde": lambda: fit(x_of(2), "kde", baselines=True),
    "table": lambda: fit(orders(), "gaussian", random_state=np.int64(3), drop=["shop"]),
}


@pytest.fixture(scope="module", params=full_unless(("array 2-D", "table").__contains__, CASES))
def pair(request, tmp_path_factory):
    model = CASES[request.param]()
    path = tmp_path_factory.mktemp("models") / "m.ebm"
    model.save(path)
    return model, eb.load(path), path


def assert_equal(model, again):
    x = model.sample(20, random_state=1)
    np.testing.assert_array_equal(again.score_samples(x), model.score_samples(x))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))
    np.testing.assert_array_equal(np.asarray(again.sample(20, random_state=1)), np.asarray(x))


def test_loaded_model_scores_and_samples_equal(pair):
    """Bit for bit."""
    model, again, path = pair
    assert_equal(model, again)
    for name in ("log_z_", "log_z_error_", "offset_", "best_step_", "n_features_in_", "method"):
        assert getattr(again, name) == getattr(model, name), name
    assert getattr(again, "held_out_", None) == getattr(model, "held_out_", None)
    if hasattr(model, "columns_"):
        pd.testing.assert_frame_equal(again.columns_, model.columns_)
    else:
        assert not hasattr(again, "columns_")
    again.save(path.with_name("again.ebm"))
    assert path.with_name("again.ebm").read_bytes() == path.read_bytes()


def test_pickle_joblib_and_copy_keep_the_model(pair, tmp_path):
    model, loaded, _ = pair
    joblib.dump(model, tmp_path / "m.joblib")
    for again in (
        pickle.loads(pickle.dumps(model)),
        joblib.load(tmp_path / "m.joblib"),
        copy.deepcopy(loaded),
    ):
        assert_equal(model, again)
    assert clone(model).get_params() == model.get_params()
    with pytest.raises(AttributeError):
        _ = clone(loaded).log_z_


def test_bad_files_are_refused_in_one_line(pair, tmp_path):
    model, _, path = pair
    header = read_header(path)
    for key in header["estimator"]:
        state = {name: value for name, value in header["estimator"].items() if name != key}
        for changed in (state, state | {key: 5}, state | {key: [None, {}]}):
            save_with(tmp_path / "m.ebm", model, header | {"estimator": changed})
            try:
                eb.load(tmp_path / "m.ebm")
            except eb.UserError as error:
                assert "not that of a model" in str(error) and "\n" not in str(error)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "m.ebm").write_bytes(content)
    with pytest.raises(eb.UserError, match="damaged"):
        eb.load(tmp_path / "m.ebm")


def save_with(path, model, header):
    import equinox as eqx

    energy = eqx.filter(model.model_.energy, eqx.is_array)
    save_tree(path, header, (energy, model.model_.units, model.model_.points))


def test_energy_without_table_is_refused(pair, tmp_path):
    _, _, path = pair
    model = load_model(path)
    save_model(tmp_path / "run.ebm", type(model)(model.energy, model.units, model.spec))
    with pytest.raises(eb.UserError, match="holds an energy, but no table"):
        eb.load(tmp_path / "run.ebm")


@pytest.mark.parametrize(
    "levels", [[pd.Interval(0, 1), pd.Interval(1, 2)], [pd.Period("2020"), pd.Period("2021")]]
)
def test_levels_that_json_cannot_hold_are_refused(levels, tmp_path):
    table = orders().assign(bin=pd.Categorical(np.resize(levels, 200)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = eb.EnergyModel("gaussian", **OPTIONS).fit(table)
    with pytest.raises(eb.UserError, match=r"cannot be saved.*Convert it.*again\.$"):
        model.save(tmp_path / "m.ebm")
    assert not (tmp_path / "m.ebm").exists()


def test_another_network_is_refused(tmp_path):
    """Its arrays have the same shapes."""
    x = x_of(3)
    options = {"updates": 3, "baselines": False, "early_stopping": False, "random_state": 0}
    networks = [
        lambda dim, key, scale=scale: eb.energy(
            lambda w, z: scale * 0.5 * jnp.sum(w * z**2), jnp.ones(dim)
        )
        for scale in (1.0, 2.0)
    ]
    path = tmp_path / "m.ebm"
    model = eb.EnergyModel("nce", network=networks[0], **options).fit(x)
    model.save(path)
    np.testing.assert_array_equal(
        eb.load(path, networks[0]).score_samples(x), model.score_samples(x)
    )
    eb.load(path)  # the network of this session
    with pytest.raises(eb.UserError, match="another one than that of the training"):
        eb.load(path, networks[1])
    with pytest.raises(eb.UserError, match="another one than that of the training"):
        eb.load(path)
