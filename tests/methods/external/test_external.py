"""Other libraries in our protocol: their loops, our judgement. Most need the extra `peers`."""

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

INSTALLED = all(importlib.util.find_spec(name) for name in ("torch", "torchebm", "ebm"))
peers = pytest.mark.skipif(not INSTALLED, reason="needs torch: pip install 'ebmark[peers]'")
alone = pytest.mark.skipif(INSTALLED, reason="says what happens where the extra is not installed")


class Loop(AbstractMethod):
    """A loop of its own: the precision counts the updates, and at `sick` it is no number."""

    sick: int = 10_000

    def fit(self, recipe, energy, data, stops, key):
        step = 0
        for stop in (0, *stops):
            losses, step = np.arange(step, stop, dtype=np.float32), stop
            value = math.nan if step >= self.sick else float(step)
            yield dataclasses.replace(energy, precision=jnp.array(value)), losses

    def loss(self, energy, batch, state, key):
        raise AssertionError("the compiled loop was used")

    def network_evaluations(self, batch, dim):
        return 0


def train_loop(**fields):
    start = Quadratic(jnp.array(1.0), jnp.zeros(2))
    recipe = Recipe(method=Loop(**fields), num_updates=600)
    return train(recipe, start, jnp.zeros((20, 2)), key=jr.key(0), snapshot_steps=[150, 300, 450])


def test_a_loop_of_its_own_is_followed_from_snapshot_to_snapshot():
    fit = train_loop()
    assert [(s.step, float(s.energy.precision)) for s in fit.snapshots] == [
        (mark, mark) for mark in (150, 300, 450, 600)
    ]
    assert np.array_equal(fit.losses, np.arange(600)) and fit.divergence_reason is None
    seconds = [s.seconds for s in fit.snapshots]
    assert seconds == sorted(seconds) and fit.compile_seconds >= 0


def test_a_loop_that_loses_its_numbers_is_stopped_within_250_updates_and_explained():
    fit = train_loop(sick=310)
    assert "not finite at update 450" in fit.divergence_reason and len(fit.losses) == 450
    assert [s.step for s in fit.snapshots] == [150, 300]


def test_a_cell_of_a_rival_rests_on_its_own_librarys_file_and_no_other():
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
def test_an_energy_that_nothing_holds_together_has_no_finite_z(slope, is_resolved):
    """|x| on the line has log Z = log 2; a constant and a falling one have none: it shows."""
    units = Standardizer(np.zeros(1), np.ones(1))
    found = normalize_on_grid(lambda x: slope * jnp.abs(x[0]), Grid((-8.0,), (8.0,), 256), units)
    assert found.is_resolved == is_resolved
    assert not is_resolved or found.log_z == pytest.approx(math.log(2), abs=1e-3)


def test_a_density_too_sharp_for_the_first_grid_is_refined_and_not_widened():
    """A Gaussian of a third of a spacing, off the nodes: log Z = log(2 pi s^2) in the end."""
    units, scale = Standardizer(np.zeros(2), np.ones(2)), 0.02
    energy = lambda x: jnp.sum((x - 0.013) ** 2) / (2 * scale**2)
    found = normalize_on_grid(energy, Grid((-8.0, -8.0), (8.0, 8.0), 256), units)
    assert found.is_resolved and found.grid.upper == (8.0, 8.0)
    assert found.log_z == pytest.approx(math.log(2 * math.pi * scale**2), abs=1e-3)


@alone
def test_without_the_extra_a_rival_is_one_clear_line(tmp_path):
    ended = ebmark("run", "toy", "--methods", "nce", "ebmkit/nce", cwd=tmp_path)
    assert ended.returncode == 2 and ended.stdout == ""
    assert "ebmkit/nce needs torch" in ended.stderr and "ebmark[peers]" in ended.stderr
    assert len(ended.stderr.strip().splitlines()) == 1 and not (tmp_path / "runs").exists()


@alone
def test_without_the_extra_a_rivals_model_can_still_be_read():
    for name in EXTERNAL_METHODS:
        assert recipes.with_changes(name, {}).method.packages
        with pytest.raises(UserError, match="external"):
            recipes.check_installed(name)


def fitted(name, data, updates, **fields):
    recipe = EXTERNAL_METHODS[name]
    method = dataclasses.replace(recipe.method, **fields)
    recipe = dataclasses.replace(recipe, method=method, num_updates=updates, ema_decay=0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of other libraries
        return train(recipe, None, jnp.asarray(data, jnp.float32), key=jr.key(1))


@pytest.fixture(scope="module")
def normal():
    x = np.random.default_rng(0).normal(size=(20_000, 2))
    return (x - x.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(x.T, bias=True))).T


@peers
@pytest.mark.parametrize("name", EXTERNAL_METHODS)
def test_a_rivals_copied_energy_is_its_own(name, normal):
    """After a few of its own updates; equal to 1e-5 of the energies' size, at 500 points."""
    import torch

    method, points = EXTERNAL_METHODS[name].method, torch.tensor(normal, dtype=torch.float32)
    recipe = dataclasses.replace(EXTERNAL_METHODS[name], num_updates=3)
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network, advance = method.prepare(recipe, points)
        assert np.isfinite(advance(3)).all()
    from ebmark.methods.external._base import copy_network

    ours = copy_network(network, method.build_trainable(None, np.asarray(points), jr.key(0)))
    theirs = network(points[:500]).detach().numpy()
    np.testing.assert_allclose(
        jax.vmap(ours)(jnp.asarray(normal[:500], jnp.float32)), theirs, rtol=1e-5, atol=1e-5
    )


@peers
@pytest.mark.parametrize("name", ["torchebm/cd", "ebmkit/nce", "ebmkit/pcd"])
def test_a_rivals_run_is_repeated_bit_by_bit_and_leaves_torchs_generator_alone(name, normal):
    import torch

    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    one, two = (fitted(name, normal[:500], 5) for _ in range(2))
    assert np.array_equal(one.losses, two.losses)
    assert torch.equal(before, torch.random.get_rng_state())


@peers
@pytest.mark.parametrize(
    ("name", "num_updates", "fields", "wanted"),
    [
        ("torchebm/dsm", 800, {"sigma": 0.5, "width": 32}, 1 / 1.25),
        ("ebmkit/dsm", 800, {"sigma": 0.5, "width": 32}, 1 / 1.25),
        ("ebmkit/ssm", 800, {"width": 32}, 1.0),
        ("ebmkit/nce", 800, {"width": 32}, 1.0),
        ("ebmkit/ed", 800, {"sigma": 1.0, "width": 32}, 1.0),
    ],
)
def test_a_rival_learns_the_precision_of_a_gaussian(name, num_updates, fields, wanted, normal):
    """The slope of grad E against x over the data, least squares: of N(0, I), blurred for DSM."""
    energy = fitted(name, normal, num_updates, **fields).snapshots[-1].energy
    x = normal[:4_000]
    slopes = np.asarray(jax.vmap(jax.grad(energy))(jnp.asarray(x, jnp.float32)))
    assert np.sum(slopes * x) / np.sum(x * x) == pytest.approx(wanted, rel=0.1)


@peers
@pytest.mark.full
def test_rivals_stand_in_the_same_table(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    arguments = ("--methods", "nce", "torchebm/dsm", "ebmkit/nce", "--seeds", 1, "--out", "out")
    ended = ebmark("run", "tiny.toml", *arguments, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    rows = table.read(tmp_path / "out")
    for method in ("nce", "torchebm/dsm", "ebmkit/nce"):
        mine = rows[rows["method"] == method]
        assert {"kl", "w1_langevin", "train_seconds", "network_evaluations"} <= set(mine["metric"])
        assert sorted(set(mine["step"])) == [15, 30]
    cell = rows[rows["method"] == "ebmkit/nce"]["run_id"].iloc[0]
    model = load_model(tmp_path / "out" / "runs" / cell / "energy.ebm")
    assert np.isfinite(model.energy(jnp.zeros(2)))
    assert "ebmkit/nce" in (tmp_path / "out" / "report.html").read_text()
