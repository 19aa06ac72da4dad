"""Methods of external libraries: their loops, our evaluation. Most need the extra `external`."""

import dataclasses
import importlib.util
import math
import warnings

import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest
from helpers.tiny_study import TINY, ebmark

from ebmark.datasets import Grid
from ebmark.datasets.preprocessing import Standardizer
from ebmark.energies import Quadratic
from ebmark.errors import UserError
from ebmark.methods import AbstractMethod, Recipe
from ebmark.methods.external import EXTERNAL_METHODS
from ebmark.partition_function import normalize_on_grid
from ebmark.store import table
from ebmark.store.provenance import source_files
from ebmark.training import recipes
from ebmark.training.loop import train
from ebmark.training.model import load_model

# libraries train networks of their own instead
START = Quadratic(jnp.array(1.0), jnp.zeros(2))
INSTALLED = all(importlib.util.find_spec(name) for name in ("torch", "torchebm", "ebm"))
needs_extra = pytest.mark.skipif(not INSTALLED, reason="needs torch: pip install '.[external]'")
without_extra = pytest.mark.skipif(INSTALLED, reason="tests what happens without the extra")


class Loop(AbstractMethod):
    """A method with its own loop: the precision counts the updates and is NaN from `nan_at` on."""

    nan_at: int = 10_000

    def fit(self, recipe, energy, data, stops, key):
        step = 0
        for stop in (0, *stops):
            losses = np.arange(step, stop, dtype=np.float32)
            step = stop
            value = math.nan if step >= self.nan_at else float(step)
            yield dataclasses.replace(energy, precision=jnp.array(value)), losses

    def loss(self, energy, batch, state, key):
        raise AssertionError("the compiled loop was used")

    def network_evaluations(self, batch, dim):
        return 0


def train_loop(**fields):
    recipe = Recipe(method=Loop(**fields), num_updates=600)
    return train(recipe, START, jnp.zeros((20, 2)), key=jr.key(0), snapshot_steps=[150, 300, 450])


def test_own_loop_yields_snapshots():
    fit = train_loop()
    assert [(s.step, float(s.energy.precision)) for s in fit.snapshots] == [
        (step, step) for step in (150, 300, 450, 600)
    ]
    assert np.array_equal(fit.losses, np.arange(600)) and fit.divergence_reason is None
    seconds = [s.seconds for s in fit.snapshots]
    assert seconds == sorted(seconds) and fit.compile_seconds >= 0


def test_own_loop_stops_at_nonfinite_energy():
    fit = train_loop(nan_at=310)
    assert "not finite at update 450" in fit.divergence_reason and len(fit.losses) == 450
    assert [s.step for s in fit.snapshots] == [150, 300]


def test_source_files_hold_own_library_only():
    files = {
        path.name
        for path in source_files(
            "ebmark.methods.external._ebmkit", "ebmark.datasets.synthetic._moons"
        )
    }
    assert {"_ebmkit.py", "_base.py", "loop.py"} <= files and "_torchebm.py" not in files


@pytest.mark.parametrize(
    ("slope", "is_resolved"),
    [(1.0, True), (0.0, False), (-1.0, False)],
    ids=["bowl", "flat", "ramp"],
)
def test_unconfined_energy_log_z_unresolved(slope, is_resolved):
    """E = |x| has log Z = log 2; constant and decreasing energies have no finite Z."""
    standardizer = Standardizer(np.zeros(1), np.ones(1))
    grid = Grid((-8.0,), (8.0,), 256)
    density = normalize_on_grid(lambda x: slope * jnp.abs(x[0]), grid, standardizer)
    assert density.is_resolved == is_resolved
    assert not is_resolved or density.log_z == pytest.approx(math.log(2), abs=1e-3)


def test_narrow_density_refines_grid():
    """A Gaussian a third of a grid spacing wide, off the grid points: log Z = log(2 pi s^2)."""
    standardizer = Standardizer(np.zeros(2), np.ones(2))
    scale = 0.02
    energy = lambda x: jnp.sum((x - 0.013) ** 2) / (2 * scale**2)
    density = normalize_on_grid(energy, Grid((-8.0, -8.0), (8.0, 8.0), 256), standardizer)
    assert density.is_resolved and density.grid.upper == (8.0, 8.0)
    assert density.log_z == pytest.approx(math.log(2 * math.pi * scale**2), abs=1e-3)


@pytest.mark.full
@without_extra
def test_missing_extra_is_one_line_error(tmp_path):
    process = ebmark("run", "toy", "--methods", "nce", "ebmkit/nce", cwd=tmp_path)
    assert process.returncode == 2 and process.stdout == ""
    assert "ebmkit/nce" in process.stderr and "torch" in process.stderr
    assert ".[external]" in process.stderr
    assert len(process.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "studies").exists()


@without_extra
def test_missing_extra_recipe_still_readable():
    for name in EXTERNAL_METHODS:
        assert recipes.with_changes(name, {}).method.packages
        with pytest.raises(UserError, match="external"):
            recipes.check_installed(name)


def fit_external(name, data, num_updates, **fields):
    recipe = EXTERNAL_METHODS[name]
    method = dataclasses.replace(recipe.method, **fields)
    recipe = dataclasses.replace(recipe, method=method, num_updates=num_updates, ema_decay=0.0)
    with warnings.catch_warnings():
        # Warnings of the external libraries.
        warnings.simplefilter("ignore")
        return train(recipe, START, data, key=jr.key(1))


@pytest.fixture(scope="module")
def normal():
    x = np.random.default_rng(0).normal(size=(20_000, 2))
    return (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T


@needs_extra
@pytest.mark.parametrize("name", EXTERNAL_METHODS)
def test_copied_network_equals_original(name, normal):
    """After a few of the library's updates; equal to 1e-5, at 500 points."""
    import torch

    method, points = EXTERNAL_METHODS[name].method, torch.tensor(normal, dtype=torch.float32)
    recipe = dataclasses.replace(EXTERNAL_METHODS[name], num_updates=3)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network, advance = method.prepare(recipe, points)
        assert np.isfinite(advance(3)).all()
    from ebmark.methods.external._base import copy_network

    copy = copy_network(network, method.build_trainable(None, np.asarray(points), jr.key(0)))
    energies = jax.vmap(copy)(jnp.asarray(normal[:500], jnp.float32))
    expected = network(points[:500]).detach().numpy()
    np.testing.assert_allclose(energies, expected, rtol=1e-5, atol=1e-5)


@needs_extra
@pytest.mark.parametrize("name", ["torchebm/cd", "ebmkit/nce", "ebmkit/pcd"])
def test_external_run_repeats_bit_by_bit(name, normal):
    """And leaves torch's global generator unchanged."""
    import torch

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first = fit_external(name, normal[:500], 5)
    second = fit_external(name, normal[:500], 5)
    assert np.array_equal(first.losses, second.losses)
    assert torch.equal(before, torch.random.get_rng_state())


@needs_extra
@pytest.mark.parametrize(
    ("name", "num_updates", "fields", "expected"),
    [
        ("torchebm/dsm", 800, {"sigma": 0.5, "width": 32}, 1 / 1.25),
        ("ebmkit/dsm", 800, {"sigma": 0.5, "width": 32}, 1 / 1.25),
        ("ebmkit/ssm", 800, {"width": 32}, 1.0),
        ("ebmkit/nce", 800, {"width": 32}, 1.0),
        ("ebmkit/ed", 800, {"sigma": 1.0, "width": 32}, 1.0),
    ],
)
def test_external_method_learns_gaussian(name, num_updates, fields, expected, normal):
    """Least-squares slope of grad E against x on N(0, I), with noise added for DSM."""
    energy = fit_external(name, normal, num_updates, **fields).snapshots[-1].energy
    x = normal[:4_000]
    gradients = np.asarray(jax.vmap(jax.grad(energy))(jnp.asarray(x, jnp.float32)))
    assert np.sum(gradients * x) / np.sum(x * x) == pytest.approx(expected, rel=0.1)


@needs_extra
@pytest.mark.full
def test_external_runs_share_results_table(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    arguments = ("--methods", "nce", "torchebm/dsm", "ebmkit/nce", "--seeds", 1, "--out", "out")
    process = ebmark("run", "tiny.toml", *arguments, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    rows = table.read(tmp_path / "out")
    for method in ("nce", "torchebm/dsm", "ebmkit/nce"):
        selected = rows[rows["method"] == method]
        metrics = {"kl", "w1_langevin", "train_seconds", "network_evaluations"}
        assert metrics <= set(selected["metric"])
        assert sorted(set(selected["step"])) == [15, 30]
    run_id = rows[rows["method"] == "ebmkit/nce"]["run_id"].iloc[0]
    model = load_model(tmp_path / "out" / "runs" / run_id / "energy.ebm")
    assert np.isfinite(model.energy(jnp.zeros(2)))
    assert "ebmkit/nce" in (tmp_path / "out" / "report.html").read_text()
