"""Losses that torchebm 0.8.9 or ebmkit 0.16 have too: with the same network, batch and noise.

Needs the extra `peers`. Equal to 1e-5: the loss of its size, each gradient of its largest entry.
Where a library's loss is another number than ours, the test says which, and why.
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
    pytest.mark.skipif(bool(missing), reason=f"no {missing}: pip install 'ebmark[peers]'"),
    pytest.mark.filterwarnings("ignore"),  # those of other libraries
]

BATCH, DIM, WIDTH = 48, 2, 16
rng = np.random.default_rng(20_260_901)
X = rng.normal(size=(BATCH, DIM)).astype(np.float32) * np.float32([1.0, 0.6])
Z = rng.normal(size=(BATCH, DIM)).astype(np.float32)
SIGNS = np.sign(rng.normal(size=(5, BATCH, DIM))).astype(np.float32)


@pytest.fixture
def nets():
    """Their perceptron, and the same one as ours."""
    return perceptrons(DIM)


def perceptrons(inputs):
    import torch

    from ebmark.methods.external._torchebm import new_network

    torch.manual_seed(5)
    network = new_network(inputs, WIDTH)
    return network, copy_network(network, MLP(inputs, width=WIDTH, key=jr.key(0)))


@pytest.fixture
def drawn(monkeypatch):
    """Hand out numbers in the place of each library's generator, in the order of the calls.

    A single array is handed out at every call: to all chains, and at all steps of theirs.
    """

    def feed(place, name, *arrays, torch_side=False):
        queue = iter(arrays) if len(arrays) > 1 else None

        def draw(*given, **options):
            array = arrays[0] if queue is None else next(queue)
            if not torch_side:
                return jnp.asarray(array)
            import torch

            like = given[0].shape if isinstance(given[0], torch.Tensor) else None
            return torch.tensor(array) if like is None else torch.tensor(array).expand(like).clone()

        monkeypatch.setattr(place, name, draw)

    return feed


def ours(method, energy, state, batch=X):
    """Loss and gradient, with nothing compiled: no program keeps numbers that were handed out."""
    with jax.disable_jit():
        value, slope = eqx.filter_value_and_grad(
            lambda energy: method.loss(energy, jnp.asarray(batch), state, jr.key(0))[0]
        )(energy)
    return float(value), [np.asarray(a) for a in jax.tree.leaves(slope)]


def theirs(loss, *modules):
    """The value, and the gradient in the order of the modules' parameters."""
    loss.backward()
    slopes = [p.grad for module in modules for p in module.parameters()]
    return loss.item(), [np.zeros(()) if a is None else a.numpy() for a in slopes]


def assert_equal(mine, other, *, factor=1.0, shift=0.0):
    """ours = `factor` theirs + `shift`, and the gradients by `factor`."""
    (value, slopes), (other_value, other_slopes) = mine, other
    assert value == pytest.approx(factor * other_value + shift, rel=1e-5)
    assert len(slopes) == len(other_slopes)
    for a, b in zip(slopes, other_slopes):
        np.testing.assert_allclose(a.reshape(b.shape), factor * b, rtol=0, atol=bound(slopes))
    assert any(np.abs(a).max() > 1e-3 for a in slopes)  # there is something to compare


def bound(slopes):
    return 1e-5 * max(np.abs(a).max() for a in slopes)


def method(name, **fields):
    return dataclasses.replace(METHODS[name].method, **fields)


def points():
    import torch

    return torch.tensor(X)


@pytest.mark.parametrize("library", ["torchebm", "ebmkit"])
def test_dsm_is_theirs_times_sigma_squared(library, nets, drawn):
    """Both match s with -z / sigma; ours matches sigma s with -z, of one size for any sigma."""
    import ebm
    import torch
    import torchebm.losses

    sigma, (network, energy) = 0.3, nets
    drawn(jr, "normal", Z)
    drawn(torch, "randn_like", Z, torch_side=True)
    loss = (
        torchebm.losses.DenoisingScoreMatching(model=network, noise_scale=sigma)(points())
        if library == "torchebm"
        else ebm.DenoisingScoreMatching(sigma=sigma)(network, points()).loss
    )
    dsm = method("dsm", sigma=sigma)
    state = dsm.init(jnp.asarray(X), jr.key(0))
    assert_equal(ours(dsm, energy, state), theirs(loss, network), factor=sigma**2)


def test_multi_sigma_dsm_at_one_level_is_dsm(nets, drawn):
    """ebmkit weighs each level by sigma^2: at one level that is our DSM, with no factor."""
    import ebm
    import torch

    sigma, (network, energy) = 0.3, nets
    drawn(jr, "normal", Z)
    drawn(torch, "randn_like", Z, torch_side=True)
    loss = ebm.MultiSigmaDenoisingScoreMatching(torch.tensor([sigma]))(
        lambda x, sigma: network(x), points()
    ).loss
    dsm = method("dsm", sigma=sigma)
    state = dsm.init(jnp.asarray(X), jr.key(0))
    assert_equal(ours(dsm, energy, state), theirs(loss, network))


def test_multi_sigma_dsm_is_mdsm_at_the_same_levels(drawn):
    """ebmkit draws the levels of a ladder evenly; `mdsm` draws from all, and more of the low ones.

    Here the ladder is what `mdsm` drew. Both weigh by sigma^2. How an energy is told its level is
    each library's own; here it is told as ours is: E(x / sqrt(1 + sigma^2), 2u - 1).
    """
    import ebm
    import torch

    network, energy = perceptrons(DIM + 1)
    mdsm = method("mdsm")
    state = mdsm.init(jnp.asarray(X), jr.key(0))
    low, high = math.log(float(state.smallest)), math.log(mdsm.largest)
    even = np.full(BATCH, 0.25, np.float32)  # of each stratum of the levels
    levels = torch.tensor(
        ((np.arange(BATCH) + even) / BATCH) ** mdsm.level_power, dtype=torch.float32
    )
    sigmas = torch.exp((1 - levels) * low + levels * high)

    def told(x, sigma):
        level = (torch.log(sigma) - low) / (high - low)
        inner = x / torch.sqrt(1 + sigma[:, None] ** 2)
        return network(torch.cat([inner, 2 * level[:, None] - 1], dim=1))

    drawn(jr, "normal", Z)
    drawn(jr, "uniform", even)
    drawn(torch, "randn_like", Z, torch_side=True)
    drawn(torch, "randint", np.arange(BATCH), torch_side=True)
    loss = ebm.MultiSigmaDenoisingScoreMatching(sigmas)(told, points()).loss
    assert_equal(ours(mdsm, energy, state), theirs(loss, network))


@pytest.mark.parametrize("library", ["torchebm", "ebmkit"])
def test_exact_score_matching_is_ism(library, nets):
    """No noise, no factor. The constant of the last layer has no gradient in any of the three."""
    import ebm
    import torchebm.losses

    network, energy = nets
    loss = (
        torchebm.losses.ScoreMatching(model=network, hessian_method="exact")(points())
        if library == "torchebm"
        else ebm.ExactScoreMatching()(network, points()).loss
    )
    assert_equal(ours(method("ism"), energy, None), theirs(loss, network))


@pytest.mark.parametrize(
    ("name", "library", "reduced"),
    [("ssm", "torchebm", False), ("ssm", "ebmkit", False), ("ssm_vr", "ebmkit", True)],
)
def test_sliced_score_matching_along_the_same_directions(name, library, reduced, nets, drawn):
    """ebmkit draws normal directions, ours are +-1, as torchebm's: here all are the same five.

    ebmkit's default is the loss of reduced variance, torchebm has only the other.
    """
    import ebm
    import torch
    import torchebm.losses

    network, energy = nets
    drawn(jr, "rademacher", SIGNS)
    if library == "torchebm":
        drawn(torch, "randn_like", SIGNS.reshape(-1, DIM), torch_side=True)
        sliced = torchebm.losses.SlicedScoreMatching(model=network, n_projections=len(SIGNS))
        loss = sliced(points())
    else:
        drawn(torch, "randn_like", *SIGNS, torch_side=True)
        loss = ebm.SlicedScoreMatching(len(SIGNS), vr=reduced)(network, points()).loss
    sliced = method(name, num_slices=len(SIGNS))
    assert_equal(ours(sliced, energy, None), theirs(loss, network))


@pytest.mark.parametrize("ratio", [1, 4])
def test_nce_with_the_same_noise(ratio, nets):
    """The gradient in log Z too. ebmkit's own noise is N(0, I); ours is fitted, and theirs here."""
    import ebm
    import torch

    network, energy = nets
    nce = method("nce", ratio=ratio)
    gaussian = nce.init(jnp.asarray(X), jr.key(0))
    noise = np.array(gaussian.sample(ratio * BATCH, jr.key(1)))

    class Same(NOISES["gaussian"]):
        def sample(self, num, key):
            return jnp.asarray(noise)

    class SyntheticDataset(torch.distributions.MultivariateNormal):
        def sample(self, shape=()):
            return torch.tensor(noise)

    law = SyntheticDataset(
        *(torch.tensor(np.array(a)) for a in (gaussian.mean, gaussian.covariance))
    )
    objective = ebm.NoiseContrastiveEstimation(law, noise_ratio=ratio)
    with torch.no_grad():
        objective.log_z.fill_(0.4)
    loss = objective(network, points()).loss
    trained = Offset(energy, jnp.array(0.4))
    state = Same(gaussian.mean, gaussian.covariance)
    assert_equal(ours(nce, trained, state), theirs(loss, network, objective))


@pytest.mark.parametrize("stabilizer", [1.0, 0.3])
def test_energy_discrepancy_but_for_a_constant(stabilizer, nets, drawn):
    """ebmkit sums w and the M copies where ours takes their mean: its loss is ours + log M."""
    import ebm
    import torch

    network, energy = nets
    time, copies = 0.3, SIGNS * Z
    ed = method("ed", time=time, samples=len(copies), stabilizer=stabilizer)
    drawn(jr, "normal", Z, copies)
    drawn(torch, "randn_like", Z, torch_side=True)
    drawn(torch, "randn", copies.swapaxes(0, 1), torch_side=True)
    objective = ebm.EnergyDiscrepancy(math.sqrt(time), len(copies), stabilizer)
    loss = objective(network, points()).loss
    mine = ours(ed, energy, None)
    assert_equal(mine, theirs(loss, network), shift=-math.log(len(copies)))


@pytest.mark.parametrize("library", ["torchebm", "ebmkit"])
def test_cd_whose_chains_are_given_the_same_noise(library, nets, drawn):
    """Ten steps from the data, by each library's own Langevin: all three mean h by x - h grad E.

    torchebm adds .001 (E+^2 + E-^2) unless told not to, ebmkit starts its chains at N(0, I) unless
    told where. Each chain has its own noise, the same at every step.
    """
    import ebm
    import torch
    import torchebm.losses
    import torchebm.samplers

    network, energy = nets
    step, num_steps = 0.05, 10
    drawn(jr, "normal", Z)
    drawn(torch, "randn_like", Z, torch_side=True)
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
    assert_equal(ours(cd, energy, state), theirs(loss, network))


def test_the_flow_of_energy_matching_is_theirs_times_the_dimension(nets, drawn):
    """torchebm takes the mean over the axes of a point, the paper and ours the sum.

    Its pairs are of exact transport, ours of a plan that is drawn from: here each keeps its own.
    The other term is CD's, which torchebm trims and clamps; the paper's ours does neither.
    """
    import torch
    import torchebm.losses

    import ebmark.methods.families._flow_matching as module

    network, energy = nets
    times = np.linspace(0.01, 0.99, BATCH, dtype=np.float32)
    blur, start = SIGNS[0] * Z[::-1], Z
    drawn(jr, "normal", blur)
    drawn(jr, "uniform", times[:, None])
    drawn(module, "pair", X)
    drawn(torch, "randn_like", start, np.ascontiguousarray(blur), torch_side=True)
    drawn(torch, "rand", times, torch_side=True)
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
    mine = float(value), [np.asarray(a) for a in jax.tree.leaves(slope)]
    assert_equal(mine, theirs(loss, network), factor=DIM)
