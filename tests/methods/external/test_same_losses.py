"""Losses that torchebm 0.8.9 or ebmkit 0.16 also have: same network, batch and noise.

Needs the extra `external`. Losses agree to 1e-5 relative, gradients to 1e-5 of their largest entry.
Where a library defines the loss differently, the test states the factor or constant, and why.
"""

import dataclasses
import importlib.util
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from ebmark.energies import MLP, Offset
from ebmark.methods import METHODS
from ebmark.methods.external._base import copy_network
from ebmark.methods.families._flow_matching import flow_matching
from ebmark.methods.noises import NOISES

missing = [name for name in ("torch", "torchebm", "ebm") if not importlib.util.find_spec(name)]
pytestmark = [
    pytest.mark.skipif(bool(missing), reason=f"no {missing}: pip install '.[external]'"),
    # Warnings of the external libraries.
    pytest.mark.filterwarnings("ignore"),
]

BATCH, DIM, WIDTH = 48, 2, 16
rng = np.random.default_rng(20_260_901)
X = rng.normal(size=(BATCH, DIM)).astype(np.float32) * np.float32([1.0, 0.6])
Z = rng.normal(size=(BATCH, DIM)).astype(np.float32)
SIGNS = np.sign(rng.normal(size=(5, BATCH, DIM))).astype(np.float32)


@pytest.fixture
def nets():
    """A network of torchebm, and the same one as an MLP of ebmark."""
    return new_networks(DIM)


def new_networks(inputs):
    import torch

    from ebmark.methods.external._torchebm import new_network

    torch.manual_seed(5)
    network = new_network(inputs, WIDTH)
    return network, copy_network(network, MLP(inputs, width=WIDTH, key=jr.key(0)))


@pytest.fixture
def random_numbers(monkeypatch):
    """Replace a library's random generator by given arrays, in the order of its calls.

    A single array is returned at every call: for all chains, and at all their steps.
    """

    def feed(module, name, *arrays, torch_side=False):
        queue = iter(arrays) if len(arrays) > 1 else None

        def draw(*given, **options):
            array = arrays[0] if queue is None else next(queue)
            if not torch_side:
                return jnp.asarray(array)
            import torch

            like = given[0].shape if isinstance(given[0], torch.Tensor) else None
            return torch.tensor(array) if like is None else torch.tensor(array).expand(like).clone()

        monkeypatch.setattr(module, name, draw)

    return feed


def loss_of_ebmark(method, energy, state, batch=X):
    """Loss and gradient, without compilation: no program keeps the given random numbers."""
    with jax.disable_jit():
        value, slope = eqx.filter_value_and_grad(
            lambda energy: method.loss(energy, jnp.asarray(batch), state, jr.key(0))[0]
        )(energy)
    return float(value), [np.asarray(a) for a in jax.tree.leaves(slope)]


def loss_of_library(loss, *modules):
    """Loss, and gradients in the order of the modules' parameters."""
    loss.backward()
    slopes = [p.grad for module in modules for p in module.parameters()]
    return loss.item(), [np.zeros(()) if a is None else a.numpy() for a in slopes]


def assert_equal(actual, expected, *, factor=1.0, shift=0.0):
    """actual = `factor` * expected + `shift`, and the gradients by `factor`."""
    value, slopes = actual
    other_value, other_slopes = expected
    assert value == pytest.approx(factor * other_value + shift, rel=1e-5)
    assert len(slopes) == len(other_slopes)
    for a, b in zip(slopes, other_slopes):
        np.testing.assert_allclose(a.reshape(b.shape), factor * b, rtol=0, atol=bound(slopes))
    # Power: the gradients are not all 0.
    assert any(np.abs(a).max() > 1e-3 for a in slopes)


def bound(slopes):
    return 1e-5 * max(np.abs(a).max() for a in slopes)


def method(name, **fields):
    return dataclasses.replace(METHODS[name].method, **fields)


def points():
    import torch

    return torch.tensor(X)


@pytest.mark.parametrize("library", ["torchebm", "ebmkit"])
def test_dsm_equal_up_to_sigma_squared(library, nets, random_numbers):
    """The libraries match s with -z / sigma; ebmark matches sigma s with -z."""
    import ebm
    import torch
    import torchebm.losses

    sigma, (network, energy) = 0.3, nets
    random_numbers(jr, "normal", Z)
    random_numbers(torch, "randn_like", Z, torch_side=True)
    loss = (
        torchebm.losses.DenoisingScoreMatching(model=network, noise_scale=sigma)(points())
        if library == "torchebm"
        else ebm.DenoisingScoreMatching(sigma=sigma)(network, points()).loss
    )
    dsm = method("dsm", sigma=sigma)
    state = dsm.init(jnp.asarray(X), jr.key(0))
    assert_equal(
        loss_of_ebmark(dsm, energy, state), loss_of_library(loss, network), factor=sigma**2
    )


def test_multi_sigma_dsm_at_one_level_is_dsm(nets, random_numbers):
    """ebmkit weights each level by sigma^2: at one level that is the DSM of ebmark."""
    import ebm
    import torch

    sigma, (network, energy) = 0.3, nets
    random_numbers(jr, "normal", Z)
    random_numbers(torch, "randn_like", Z, torch_side=True)
    loss = ebm.MultiSigmaDenoisingScoreMatching(torch.tensor([sigma]))(
        lambda x, sigma: network(x), points()
    ).loss
    dsm = method("dsm", sigma=sigma)
    state = dsm.init(jnp.asarray(X), jr.key(0))
    assert_equal(loss_of_ebmark(dsm, energy, state), loss_of_library(loss, network))


def test_multi_sigma_dsm_is_mdsm(random_numbers):
    """ebmkit draws from a list of levels; `mdsm` draws from an interval, more of the low ones.

    Here the list is what `mdsm` drew. Both weight by sigma^2. The level enters the network as in
    ebmark: E(x / sqrt(1 + sigma^2), 2u - 1).
    """
    import ebm
    import torch

    network, energy = new_networks(DIM + 1)
    mdsm = method("mdsm")
    state = mdsm.init(jnp.asarray(X), jr.key(0))
    low, high = math.log(float(state.smallest)), math.log(mdsm.largest)
    # Position within each stratum of the levels.
    even = np.full(BATCH, 0.25, np.float32)
    levels = torch.tensor(
        ((np.arange(BATCH) + even) / BATCH) ** mdsm.level_power, dtype=torch.float32
    )
    sigmas = torch.exp((1 - levels) * low + levels * high)

    def conditional(x, sigma):
        level = (torch.log(sigma) - low) / (high - low)
        inner = x / torch.sqrt(1 + sigma[:, None] ** 2)
        return network(torch.cat([inner, 2 * level[:, None] - 1], dim=1))

    random_numbers(jr, "normal", Z)
    random_numbers(jr, "uniform", even)
    random_numbers(torch, "randn_like", Z, torch_side=True)
    random_numbers(torch, "randint", np.arange(BATCH), torch_side=True)
    loss = ebm.MultiSigmaDenoisingScoreMatching(sigmas)(conditional, points()).loss
    assert_equal(loss_of_ebmark(mdsm, energy, state), loss_of_library(loss, network))


@pytest.mark.parametrize("library", ["torchebm", "ebmkit"])
def test_exact_score_matching_is_ism(library, nets):
    """The bias of the last layer has no gradient in any of the three libraries."""
    import ebm
    import torchebm.losses

    network, energy = nets
    loss = (
        torchebm.losses.ScoreMatching(model=network, hessian_method="exact")(points())
        if library == "torchebm"
        else ebm.ExactScoreMatching()(network, points()).loss
    )
    assert_equal(loss_of_ebmark(method("ism"), energy, None), loss_of_library(loss, network))


@pytest.mark.parametrize(
    ("name", "library", "reduced"),
    [("ssm", "torchebm", False), ("ssm", "ebmkit", False), ("ssm_vr", "ebmkit", True)],
)
def test_sliced_score_matching_equal(name, library, reduced, nets, random_numbers):
    """The same five directions for all: ebmkit draws normal ones, ebmark and torchebm +-1.

    ebmkit's default is the variance-reduced loss; torchebm has only the plain one.
    """
    import ebm
    import torch
    import torchebm.losses

    network, energy = nets
    random_numbers(jr, "rademacher", SIGNS)
    if library == "torchebm":
        random_numbers(torch, "randn_like", SIGNS.reshape(-1, DIM), torch_side=True)
        sliced = torchebm.losses.SlicedScoreMatching(model=network, n_projections=len(SIGNS))
        loss = sliced(points())
    else:
        random_numbers(torch, "randn_like", *SIGNS, torch_side=True)
        loss = ebm.SlicedScoreMatching(len(SIGNS), vr=reduced)(network, points()).loss
    sliced = method(name, num_slices=len(SIGNS))
    assert_equal(loss_of_ebmark(sliced, energy, None), loss_of_library(loss, network))


@pytest.mark.parametrize("ratio", [1, 4])
def test_nce_equal(ratio, nets):
    """Including the gradient in log Z. The noise is the Gaussian that ebmark fits."""
    import ebm
    import torch

    network, energy = nets
    nce = method("nce", ratio=ratio)
    gaussian = nce.init(jnp.asarray(X), jr.key(0))
    noise = np.array(gaussian.sample(ratio * BATCH, jr.key(1)))

    class FixedNoise(NOISES["gaussian"]):
        def sample(self, num, key):
            return jnp.asarray(noise)

    class FixedTorchNoise(torch.distributions.MultivariateNormal):
        def sample(self, shape=()):
            return torch.tensor(noise)

    torch_noise = FixedTorchNoise(
        torch.tensor(np.array(gaussian.mean)), torch.tensor(np.array(gaussian.covariance))
    )
    objective = ebm.NoiseContrastiveEstimation(torch_noise, noise_ratio=ratio)
    with torch.no_grad():
        objective.log_z.fill_(0.4)
    loss = objective(network, points()).loss
    trained = Offset(energy, jnp.array(0.4))
    state = FixedNoise(gaussian.mean, gaussian.covariance)
    assert_equal(loss_of_ebmark(nce, trained, state), loss_of_library(loss, network, objective))


@pytest.mark.parametrize("stabilizer", [1.0, 0.3])
def test_energy_discrepancy_equal_up_to_constant(stabilizer, nets, random_numbers):
    """ebmkit sums w and the M copies, ebmark takes their mean: the difference is log M."""
    import ebm
    import torch

    network, energy = nets
    time, copies = 0.3, SIGNS * Z
    ed = method("ed", time=time, samples=len(copies), stabilizer=stabilizer)
    random_numbers(jr, "normal", Z, copies)
    random_numbers(torch, "randn_like", Z, torch_side=True)
    random_numbers(torch, "randn", copies.swapaxes(0, 1), torch_side=True)
    objective = ebm.EnergyDiscrepancy(math.sqrt(time), len(copies), stabilizer)
    loss = objective(network, points()).loss
    actual = loss_of_ebmark(ed, energy, None)
    assert_equal(actual, loss_of_library(loss, network), shift=-math.log(len(copies)))


@pytest.mark.parametrize("library", ["torchebm", "ebmkit"])
def test_cd_equal(library, nets, random_numbers):
    """Ten Langevin steps from the data: in all three libraries the step is x - h grad E.

    The energy penalty of torchebm is turned off, and the chains of ebmkit, which start from N(0, I)
    by default, start from the data. Each chain has its own noise, the same at every step.
    """
    import ebm
    import torch
    import torchebm.losses
    import torchebm.samplers

    network, energy = nets
    step, num_steps = 0.05, 10
    random_numbers(jr, "normal", Z)
    random_numbers(torch, "randn_like", Z, torch_side=True)
    if library == "torchebm":
        langevin = torchebm.samplers.LangevinDynamics(model=network, step_size=step)
        objective = torchebm.losses.ContrastiveDivergence(
            model=network, sampler=langevin, k_steps=num_steps, energy_reg_weight=0.0
        )
        loss = objective(points())[0]
    else:
        langevin = ebm.LangevinDynamics(step_size=step, steps=num_steps)
        objective = ebm.ContrastiveDivergence(langevin, init_fn=lambda shape: points())
        loss = objective(network, points()).loss
    cd = method("cd", step_size=step, num_steps=num_steps, adjusted=False)
    state = cd.init(jnp.asarray(X), jr.key(0))
    assert_equal(loss_of_ebmark(cd, energy, state), loss_of_library(loss, network))


def test_energy_matching_flow_equal_up_to_dim(nets, random_numbers):
    """torchebm takes the mean over the coordinates of a point, the paper and ebmark the sum.

    Points are paired by position, as torchebm pairs by exact transport and ebmark by sampling from
    a plan. The contrastive term is left out: torchebm trims and clamps it.
    """
    import torch
    import torchebm.losses

    import ebmark.methods.families._flow_matching as module

    network, energy = nets
    times = np.linspace(0.01, 0.99, BATCH, dtype=np.float32)
    path_noise = SIGNS[0] * Z[::-1]
    start = Z
    random_numbers(jr, "normal", path_noise)
    random_numbers(jr, "uniform", times[:, None])
    random_numbers(module, "pair", X)
    random_numbers(torch, "randn_like", start, np.ascontiguousarray(path_noise), torch_side=True)
    random_numbers(torch, "rand", times, torch_side=True)
    objective = torchebm.losses.EnergyMatchingLoss(
        model=network, coupling="independent", lambda_cd=0.0
    )
    loss = objective(points())

    with jax.disable_jit():
        value, slope = eqx.filter_value_and_grad(
            lambda potential: flow_matching(
                lambda x: -jax.grad(potential)(x), jnp.asarray(start), jnp.asarray(X), jr.key(0)
            )
        )(energy)
    actual = float(value), [np.asarray(a) for a in jax.tree.leaves(slope)]
    assert_equal(actual, loss_of_library(loss, network), factor=DIM)
