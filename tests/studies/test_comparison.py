"""Own methods, networks and targets from Python, compared and tuned as built-in ones."""

import signal
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

import ebmark as eb
from ebmark.report.marks import not_worse_than_best
from ebmark.studies import plugins
from ebmark.studies.comparison import Comparison, _study
from ebmark.studies.own_objects import digest
from ebmark.training.search_spaces import space_of
from tests.helpers.tiny_study import TINY, ebmark

EXAMPLE = Path(__file__).parents[2] / "examples" / "own_parts.py"
SMALL = {
    "num_train": 100,
    "num_samples": 30,
    "num_metric_samples": 20,
    "langevin_steps": 4,
    "num_snapshots": 1,
}


class Weighted(eb.ChainMethod):
    """A loss of chains with one hyperparameter."""

    gamma: float = eb.tunable(0.5, low=0.1, high=1.0)

    def contrast(self, energy, batch, negatives):
        return self.gamma * (jnp.mean(energy(batch)) - jnp.mean(energy(negatives)))


def half_square(params, x):
    return params * x @ x


@pytest.fixture(autouse=True)
def restored():
    """Forget the objects of a test."""
    yield
    for name, kind in plugins._IN_PROCESS.items():
        plugins._KINDS[kind][0].pop(name, None)
    plugins._IN_PROCESS.clear()


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (eb.energy(lambda p, x: p * x[:1], jnp.ones(1)), "got shape (1,)"),
        (eb.energy(lambda p, x: p * (x**2).sum(axis=1), jnp.ones(())), "not a batch"),
        (eb.energy(lambda p, x: x @ x, ()), "must have trainable arrays"),
        (3, "must be an energy or a function"),
    ],
)
def test_invalid_network_is_refused_in_one_line(energy, message):
    with pytest.raises(eb.UserError) as caught:
        _study(["nce"], ["half_moons"], energy, {})
    assert message in str(caught.value) and "\n" not in str(caught.value)


def test_names_of_objects_and_spaces():
    study = _study([Weighted()], ["half_moons"], eb.energy(half_square, jnp.ones(())), {})
    assert study.methods == ("weighted",) and study.energy.own == "FunctionEnergy"
    assert list(space_of("weighted")) == ["learning_rate", "method.gamma", "batch_size"]
    with pytest.raises(eb.UserError, match="must be a list"):
        _study("nce", ["half_moons"], None, {})
    assert digest(Weighted()) != digest(Weighted(gamma=0.7))


def test_method_without_space_is_not_tuned():
    class Plain(Weighted):
        gamma: float = 0.5

    _study([Plain()], ["half_moons"], None, {})
    with pytest.raises(eb.UserError, match="declares no search space"):
        space_of("plain")


def test_best_and_not_significantly_different_are_marked():
    """a and b differ by noise, c is worse on every seed."""
    seeds = np.arange(8)
    noise = np.tile([0.01, -0.01], 4)
    values = {"a": 1 + 0.1 * seeds, "b": 1 + 0.1 * seeds + noise, "c": 3 + 0.1 * seeds}
    rows = [
        ("d", name, seed, 1, "kl", value, "done")
        for name, all_values in values.items()
        for seed, value in enumerate(all_values)
    ]
    columns = ["dataset", "method", "seed", "step", "metric", "value", "status"]
    table = pd.DataFrame(rows, columns=columns)
    assert not_worse_than_best(table, "kl", ["d"]) == {"d": {"a", "b"}}


@pytest.mark.full
def test_study_of_a_baseline_from_python(tmp_path):
    study = eb.compare(["gaussian"], datasets=["half_moons"], seeds=1, out=tmp_path, **SMALL)
    again = eb.compare(["gaussian"], datasets=["half_moons"], seeds=1, out=tmp_path, **SMALL)
    assert isinstance(again, Comparison) and study.frame.equals(again.frame)
    assert study.table("kl").to_latex().startswith(r"\begin{tabular}")
    assert study.plot().axes and "<table" in study._repr_html_()


@pytest.mark.full
def test_energies_are_evaluated():
    """Of the target itself the KL is 0, and W1 of its samples lies in its null range.

    With a fixed seed; a 95% range holds W1 of 19 in 20.
    """
    moons = eb.load_dataset("half_moons")
    scores = eb.evaluate(lambda x: -moons.log_prob(x), "half_moons", random_state=3)
    assert scores.kl == pytest.approx(0, abs=1e-3) and "nll" in scores
    low, high = scores.null_ranges["w1_exact"]
    assert low < scores.w1_exact < high


def test_invalid_energy_is_not_evaluated():
    with pytest.raises(eb.UserError, match="The energy: returned an array of shape"):
        eb.evaluate(lambda x: x, "half_moons")


def test_torch_module_is_an_energy():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(2, 1)
    energies = eb.from_torch(layer)(np.zeros((3, 2)))
    np.testing.assert_allclose(energies, layer.bias.item() * np.ones(3), rtol=1e-6)


NETWORK = """
import equinox as eqx

def make(dim, key):
    return eqx.nn.MLP(dim, "scalar", 4, 1, key=key)
"""


@pytest.mark.full
def test_network_of_a_file_on_the_command_line(tmp_path):
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "net.py").write_text(NETWORK)
    options = ("--methods", "nce", "--seeds", 1, "--jobs", 1, "--no-progress-bar", "--out", "out")
    ended = ebmark("run", "tiny.toml", "--network", "net.py:make", *options, cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "out" / "plugins" / "net.py").read_text() == NETWORK
    assert "net.py:make" in (tmp_path / "out" / "plan.json").read_text()


@pytest.mark.slow
def test_stopped_comparison_is_an_error(tmp_path):
    """A batch system sends SIGTERM; here the loss does, when it is traced in the first run."""
    previous = signal.signal(signal.SIGTERM, lambda *_: None)

    def loss(energy, x, key):
        signal.raise_signal(signal.SIGTERM)
        return jnp.mean(energy(x) ** 2)

    try:
        with pytest.raises(eb.UserError, match=f"of 2 runs. Repeat the call with out='{tmp_path}'"):
            eb.compare(
                [eb.method(loss)],
                datasets=["half_moons"],
                seeds=2,
                out=tmp_path,
                updates=2,
                **SMALL,
            )
    finally:
        signal.signal(signal.SIGTERM, previous)


@pytest.mark.full
def test_own_network_in_estimator():
    x = eb.load_dataset("half_moons").sample(300, random_state=0)
    network = eqx.nn.MLP(2, "scalar", 4, 1, key=__import__("jax").random.key(0))
    model = eb.EnergyModel("nce", updates=20, network=network, baselines=False).fit(x)
    assert np.isfinite(model.score_samples(x)).all()


@pytest.mark.full
def test_example_of_own_parts_runs():
    """At most 60 lines, no private name, and a LaTeX table of default and tuned recipes."""
    text = EXAMPLE.read_text()
    assert len(text.splitlines()) <= 60 and "._" not in text
    command = [sys.executable, EXAMPLE, "2", "2", "20"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=1200)
    assert ended.returncode == 0, ended.stderr
    assert "gamma 0.1 to 1" in ended.stdout and r"\bottomrule" in ended.stdout
