"""Model files and trees: round trips, and one-line errors for damaged and foreign files."""

import dataclasses
import functools
import os
import struct

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ebmark.datasets.preprocessing import Standardizer, Whitener
from ebmark.energies import Confined, Offset, new_energy
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.training import recipes
from ebmark.training.model import Model, load_model, save_model
from ebmark.training.tree_file import load_tree, read_header, save_tree

FUZZ = settings(
    max_examples=int(os.environ.get("EBMARK_FUZZ", "150")),
    deadline=None,
    derandomize="EBMARK_FUZZ" not in os.environ,
    suppress_health_check=list(HealthCheck),
)
NETWORK = {
    "num_features": 3,
    "bandwidth": 1.0,
    "width": 4,
    "depth": 1,
    "confinement_std": 1.0,
    "wall_width": 0.5,
}
MAGIC = b"EBMARK2\n"


def spec_of(method):
    return {
        "method": method,
        "energy": NETWORK,
        "training": recipes.as_dict(METHODS[method]),
        "langevin": {"steps": 10, "step_size": 0.01},
        "num_train": 64,
    }


def model_of(method, dim=2):
    recipe, data = METHODS[method], jr.normal(jr.key(3), (64, dim))
    network = new_energy(NETWORK, data, jr.key(4), num_extra_inputs=recipe.method.num_extra_inputs)
    trainable = recipe.method.build_trainable(network, data, jr.key(5))
    energy = recipe.method.learned_energy(trainable, recipe.method.init(data, jr.key(6)))
    units = Standardizer(
        np.arange(dim) + 1 / 3, np.full(dim, np.pi)
    )  # not representable in float32
    if dim > 2:
        axes, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(dim, dim)))
        units = Whitener(*units, axes, np.arange(dim) + 0.1)
    columns = tuple(f"column {i}" for i in range(dim))
    return Model(energy, units, spec_of(method), columns)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def file(folder):
    """The bytes of a model file."""
    save_model(folder / "model.ebm", model_of("nce"))
    return (folder / "model.ebm").read_bytes()


def load_error(path, content):
    """The error of `load_model` for a file with this content: one line that names the file."""
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_model(path)
    message = str(caught.value)
    assert "\n" not in message and str(path) in message and len(message) < 400
    return message


# networks with and without a constant, a noise level, and no network
EACH_KIND = ("cd", "nce", "drl", "kde")
full = functools.partial(pytest.param, marks=pytest.mark.full)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "dim"),
    [
        *((m, 2) for m in EACH_KIND),
        *(full(m, 2) for m in METHODS if m not in {"fce", "nce_flow", *EACH_KIND}),
        ("nce", 1),
        full("cd", 7),
    ],
)
def test_model_round_trip_is_bit_identical(method, dim, folder):
    model = model_of(method, dim)
    path = folder / f"{method}-{dim}.ebm"
    save_model(path, model)
    back = load_model(path)
    for old, new in zip(model.units, back.units, strict=True):
        assert old.dtype == new.dtype == np.float64
        np.testing.assert_array_equal(old, new)
    assert jax.tree.structure(back.energy) == jax.tree.structure(model.energy)
    for old, new in zip(*map(arrays, (model.energy, back.energy)), strict=True):
        assert old.dtype == new.dtype and np.array_equal(old, new)
    assert (back.columns, back.spec) == (model.columns, model.spec)
    x = jnp.full(dim, 0.7)
    assert back.in_user_units(x) == model.in_user_units(x)


def test_model_of_older_version_is_standardized(folder):
    """A file that names no units was written when all models were standardized."""
    path = folder / "older"
    save_with_header(path, lambda header: header.pop("units"))
    units = load_model(path).units
    assert isinstance(units, Standardizer)
    np.testing.assert_array_equal(units, model_of("nce").units)


@pytest.mark.parametrize("kind", ["Whitener", "Other", [], None])
def test_model_of_other_units_is_rejected(kind, folder):
    """Two arrays are no whitening, and no other map has a name."""
    path = folder / "other"
    save_with_header(path, lambda header: header.update(units=kind))
    with pytest.raises(UserError, match=r"header is not that of a model|holds other arrays"):
        load_model(path)


@given(
    st.integers(-9, 9),
    st.sampled_from([0.0, 1.0, 1e3, -1e6, 1e7, 1.7e9]),
    st.sampled_from(["gaussian", "nce"]),
)
@settings(max_examples=20, deadline=None, derandomize=True)
def test_mean_energy_depends_on_neither_offset_nor_unit(exponent, offset, method):
    """E(x) = E(z) + sum log s: exact up to what is lost where x is stored."""
    model = model_of(method)
    z = np.random.default_rng(0).normal(size=(50, 2))
    scale = np.array([10.0**exponent, 3.0])
    x = offset * scale + z * scale
    units = Standardizer(offset * scale, scale)
    moved = dataclasses.replace(model, units=units)
    plain = dataclasses.replace(model, units=Standardizer(np.zeros(2), np.ones(2)))
    expected = plain.energies(z).mean() + np.log(scale).sum()
    assert moved.energies(x).mean() == pytest.approx(expected, abs=1e-5)


def arrays(tree):
    return jax.tree.leaves(eqx.filter(tree, eqx.is_array))


def test_model_of_zero_wall_width_has_no_walls(folder):
    """Width 0 means no soft walls: the energy has the same type and values after loading."""
    path = folder / "open"
    network = {**NETWORK, "wall_width": 0.0}
    energy = new_energy(network, jr.normal(jr.key(3), (64, 2)), jr.key(4))
    spec = {**spec_of("cd"), "energy": network}
    save_model(path, Model(energy, Standardizer(np.zeros(2), np.ones(2)), spec))
    x = jnp.array([7.0, -9.0])
    loaded = load_model(path)
    assert isinstance(loaded.energy, Confined) and loaded.energy(x) == energy(x)


def test_model_of_schema_1_is_rejected(file, folder):
    """Models of earlier versions, with or without wall_width, are refused in one line."""
    message = load_error(folder / "schema1", b"EBMARK1\n" + file[len(MAGIC) :])
    assert "Fit the model again." in message


def test_nce_model_keeps_offset(folder):
    model = model_of("nce")
    energy = eqx.tree_at(lambda e: e.constant, model.energy, jnp.array(-3.25))
    save_model(folder / "offset.ebm", dataclasses.replace(model, energy=energy))
    energy = load_model(folder / "offset.ebm").energy
    assert isinstance(energy, Offset) and float(energy.constant) == -3.25


def test_tree_round_trip_keeps_types_and_shapes(folder):
    tree = {
        "half": jnp.arange(3, dtype=jnp.float16),
        "counts": (jnp.array(7), np.arange(5, dtype=np.int64)),
        "flags": jnp.array([True, False]),
        "empty": jnp.zeros((0, 3)),
        "scalar": np.array(np.pi),
        "extremes": jnp.array([jnp.nan, jnp.inf, -0.0, 1e-45]),
        "nothing": None,
    }
    save_tree(folder / "tree", {"run": "é", "list": [1, 2.5, None]}, tree)
    back = load_tree(folder / "tree", tree)
    assert jax.tree.structure(back) == jax.tree.structure(tree)
    for old, new in zip(*map(jax.tree.leaves, (tree, back)), strict=True):
        assert isinstance(new, np.ndarray) == isinstance(old, np.ndarray)
        assert old.dtype == new.dtype and old.shape == new.shape
        assert np.asarray(old).tobytes() == np.asarray(new).tobytes()
    header = read_header(folder / "tree")
    assert (header["run"], header["list"]) == ("é", [1, 2.5, None])


def test_loaded_arrays_are_writable(folder):
    save_tree(folder / "tree", {}, [np.zeros(3)])
    (back,) = load_tree(folder / "tree", [np.zeros(3)])
    back[:] = 1  # a resumed run writes its losses there


def test_key_round_trip(folder):
    key = jr.key(9)
    save_tree(folder / "key", {}, jr.key_data(key))
    back = jr.wrap_key_data(load_tree(folder / "key", jr.key_data(key)))
    np.testing.assert_array_equal(jr.normal(back, (3,)), jr.normal(key, (3,)))


def test_equal_trees_give_equal_files(folder):
    for name in "ab":
        save_tree(folder / name, {"z": 1, "a": 2}, [jnp.arange(4.0)])
    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()


def test_truncated_file_is_rejected(file, folder):
    lengths = {*range(0, 40), *range(40, len(file), 41), len(file) - 1}
    for length in lengths:
        load_error(folder / "cut", file[:length])


def test_file_with_trailing_bytes_is_rejected(file, folder):
    load_error(folder / "long", file + b"\0")


@FUZZ
@given(st.data())
def test_file_with_flipped_bit_is_rejected(file, folder, data):
    place = data.draw(st.integers(0, len(file) - 1))
    bit = data.draw(st.integers(0, 7))
    flipped = bytearray(file)
    flipped[place] ^= 1 << bit
    load_error(folder / "flipped", bytes(flipped))


@FUZZ
@given(st.binary(max_size=300))
@example(b"")
@example(b"PK\x03\x04" + bytes(50))
@example(b"\x93NUMPY\x01\x00" + bytes(60))
@example(MAGIC)
@example(MAGIC + bytes(8))
@example(MAGIC + struct.pack("<Q", 2**64 - 1) + b"{}")
@example(MAGIC + struct.pack("<Q", 1 << 19) + b"{}")
@example(MAGIC + struct.pack("<Q", 2) + b"[]")
@example(MAGIC + struct.pack("<Q", 4) + b"null")
@example(MAGIC + struct.pack("<Q", 4) + b"\xff\xfe\xff\xfe")
@example(MAGIC + struct.pack("<Q", 20_000) + b"[" * 20_000)
@example(MAGIC + struct.pack("<Q", 10_000) + b"9" * 10_000)
@example(MAGIC + struct.pack("<Q", 100_007) + b'{"a":' + b"9" * 100_001 + b"}")
def test_foreign_file_is_rejected(folder, content):
    load_error(folder / "foreign", content)


def save_with_header(path, change):
    """Write a model file with a correct checksum and a changed header."""
    model = model_of("nce")
    save_model(path, model)
    header = read_header(path)
    change(header)
    save_tree(path, header, (eqx.filter(model.energy, eqx.is_array), model.units))


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([10**30, -1, 0, 1e308, float("inf"), float("nan"), "nce", "cd"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=4,
)
PATHS = [
    ("kind",),
    ("dim",),
    ("columns",),
    ("spec",),
    ("spec", "method"),
    ("spec", "energy"),
    ("spec", "energy", "width"),
    ("spec", "energy", "depth"),
    ("spec", "energy", "num_features"),
    ("spec", "energy", "confinement_std"),
    ("spec", "energy", "wall_width"),
    ("spec", "energy", "new"),
    ("spec", "training"),
    ("spec", "training", "method"),
    ("spec", "training", "method", "ratio"),
    ("spec", "training", "num_updates"),
    ("spec", "langevin"),
]


def put(header, path, value):
    *parents, last = path
    for parent in parents:
        header = header[parent]
    header[last] = value


@settings(FUZZ, max_examples=FUZZ.max_examples // 2)
@given(st.sampled_from(PATHS), VALUES)
@example(("columns",), 5)
@example(("dim",), float("inf"))
@example(("dim",), 10**30)
@example(("spec",), [])
@example(("spec", "energy"), [1])
@example(("spec", "energy"), 5)
@example(("spec", "energy", "width"), 10**9)
@example(("spec", "energy", "width"), -3)
@example(("spec", "energy", "depth"), 10_000)
@example(("spec", "training", "method", "new"), 1)
def test_manipulated_header_does_no_harm(folder, path, value):
    """Rejected in one line, without large allocations, or without effect on the model."""
    file_path = folder / "manipulated"
    save_with_header(file_path, lambda header: put(header, path, value))
    try:
        model = load_model(file_path)
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 400
    else:
        np.testing.assert_array_equal(model.units.mean, model_of("nce").units.mean)


@pytest.mark.parametrize("field", ["kind", "dim", "columns", "spec"])
def test_header_without_field_is_rejected(field, folder):
    save_with_header(folder / "without", lambda header: header.pop(field))
    with pytest.raises(UserError, match="not that of a model"):
        load_model(folder / "without")


def test_network_without_field_is_rejected(folder):
    save_with_header(folder / "network", lambda header: header["spec"]["energy"].pop("wall_width"))
    with pytest.raises(UserError, match="not that of a model"):
        load_model(folder / "network")


def test_huge_array_is_rejected_before_allocation(folder):
    save_tree(folder / "small", {}, [np.zeros(3)])
    with pytest.raises(UserError, match="other arrays"):
        load_tree(folder / "small", [jax.ShapeDtypeStruct((1 << 40,), jnp.float32)])


def test_tree_of_other_shapes_is_rejected(folder):
    save_tree(folder / "tree", {}, [jnp.zeros((3, 2))])
    for other in ([jnp.zeros((2, 3))], [jnp.zeros((3, 2), jnp.int32)], [], [jnp.zeros((3, 2))] * 2):
        with pytest.raises(UserError, match="other arrays"):
            load_tree(folder / "tree", other)


def test_checkpoint_is_rejected_as_model(folder):
    save_tree(folder / "tree", {"run": "abc"}, [jnp.zeros((3, 2))])
    with pytest.raises(UserError, match="not that of a model"):
        load_model(folder / "tree")


def test_missing_file_and_folder_are_reported(folder):
    with pytest.raises(UserError, match="no such file"):
        load_model(folder / "nowhere")
    with pytest.raises(UserError, match="cannot be read"):
        load_model(folder)
