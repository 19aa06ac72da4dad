"""What `train` refuses, in one line, and what it accepts."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Confined, FourierMLP, Quadratic
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.training.inputs import as_standardized, check_energy
from ebmark.training.loop import train
from ebmark.training.snapshots import Fit

RECIPE = dataclasses.replace(METHODS["dsm"], num_updates=20, batch_size=32)
START = Quadratic(jnp.array(2.0), jnp.zeros(2))
Z = np.random.default_rng(0).normal(size=(200, 2))


def fit(data, energy=START, recipe=RECIPE):
    return train(recipe, energy, data, key=jr.key(0))


@given(
    scale=st.floats(-9, 9).map(lambda power: 10.0**power),
    offset=st.floats(-1e9, 1e9),
    column=st.sampled_from([0, 1]),
)
def test_raw_data_refused_and_fixed_by_standardizer(scale, offset, column):
    raw = Z.copy()
    raw[:, column] = scale * Z[:, column] + offset
    if not (0.09 < scale < 11 and abs(offset) < 5.3):
        with pytest.raises(ValueError, match=r"Standardizer\.fit\(x\)\.transform\(x\)") as error:
            as_standardized(raw)
        assert "\n" not in str(error.value) and f"column {column + 1}." in str(error.value)
    if raw[:, column].std() > 1e-6 * abs(offset):
        as_standardized(Standardizer.fit(raw).transform(raw))


@given(row=st.integers(0, 199), value=st.sampled_from([np.nan, np.inf, -np.inf]))
def test_nonfinite_data_refused(row, value):
    data = Z.copy()
    data[row, 1] = value
    with pytest.raises(ValueError, match=f"finite, got .* in row {row + 1}, column 2"):
        as_standardized(data)


@pytest.mark.slow
def test_data_kinds_give_same_numbers():
    expected = fit(jnp.asarray(Z, jnp.float32)).losses
    frame = pd.DataFrame(Z, columns=["u", "v"])
    for data in (Z, Z.tolist(), frame, frame.astype("float32"), frame.astype("Float64")):
        np.testing.assert_array_equal(fit(data).losses, expected)
    z = jnp.asarray(Z, jnp.float32)
    assert as_standardized(z) is z


@pytest.mark.parametrize(
    "data",
    [Z[:, 0], Z[:0], Z[:, :0], Z[None], 1.0, pd.Series(Z[:, 0]), [["a", "b"]], [[1], [1, 2]]],
)
def test_data_that_are_no_points_refused(data):
    with pytest.raises(ValueError, match=r"'data' must (have shape|be numbers)"):
        as_standardized(data)


class Energy(eqx.Module):
    """An energy of one parameter, computed by any function."""

    weight: jax.Array
    function: object = eqx.field(static=True)

    def __call__(self, x):
        return self.function(self.weight, x)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda w, x: jnp.sum(w * x**2, keepdims=True), r"got shape \(1,\)"),
        (lambda w, x: w * x, r"got shape \(2,\)"),
        (lambda w, x: jnp.sum(w * x**2, axis=1), "but raised"),
        (lambda w, x: w * x[:, 0] ** 2, "but raised"),
        (lambda w, x: w @ jnp.ones((3, 4)), "but raised"),
        (lambda w, x: (jnp.sum(x), w), "got tuple"),
        (lambda w, x: None, "got NoneType"),
        (lambda w, x: jnp.argmax(x), "type int32"),
    ],
)
def test_energy_of_wrong_shape_refused(function, message):
    with pytest.raises(ValueError, match=message) as error:
        fit(Z, Energy(jnp.array(1.0), function))
    assert "\n" not in str(error.value) and "one point of shape (2,)" in str(error.value)


@pytest.mark.parametrize("name", ["nce", "dsm", "cd"])
def test_energy_without_arrays_refused(name, unchecked_shapes):
    recipe = dataclasses.replace(METHODS[name], num_updates=1)
    with pytest.raises(ValueError, match="trainable arrays"):
        fit(Z, lambda x: 0.5 * x @ x, recipe)
    with pytest.raises(TypeError, match="'energy' must be callable, got NoneType"):
        fit(Z, None, recipe)


@pytest.mark.parametrize("name", METHODS)
def test_energies_of_all_methods_accepted(name):
    method = METHODS[name].method
    network = Confined(FourierMLP(2 + method.num_extra_inputs, width=8, key=jr.key(1)))
    check_energy(network, METHODS[name], 2)


@pytest.mark.parametrize("attribute", ["energy", "state"])
def test_energy_of_diverged_fit_raises_its_reason(attribute):
    diverged = fit(Z, recipe=dataclasses.replace(RECIPE, learning_rate=1e30, num_updates=250))
    assert diverged.snapshots == []
    with pytest.raises(UserError, match=r"training diverged .* learning_rate"):
        getattr(diverged, attribute)
    with pytest.raises(UserError, match="diverged.*because"):
        getattr(Fit([], np.zeros(0), "because", 0.0), attribute)
