"""Criteria of early stopping for d > 2: `python -m benchmarks.training.early_stopping [SEEDS]`.

Each training is stopped after the snapshot that a criterion selects on held-out points. Its regret
is the KL of that snapshot minus the lowest KL of all snapshots, on a target of known density. Rows
are appended to `early_stopping.csv` as they come, and kept rows are not computed again.
"""

import sys
from collections.abc import Callable
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pandas as pd

from benchmarks._clock import use_one_thread

RESULTS = Path(__file__).parents[1] / "results" / "early_stopping.csv"
# number of training points: a network of this size learns from them first, and overfits them then
TARGETS = {"wine_13": 3_000, "breast_cancer_30_warped": 3_000}
METHODS = ("nce", "dsm", "cd", "ed", "diffclf")
CRITERIA = ("nll", "loss", "score matching")
NUM_UPDATES = 3_000
NUM_TEST = 10_000
NUM_DRAWS = 20  # random numbers over which the loss of a method is averaged


def rows_of(target: str, method: str, seed: int) -> list[dict]:
    """Return the criteria and the KL of each snapshot of one training."""
    from ebmark.datasets import load_dataset
    from ebmark.datasets.preprocessing import as_float32, fit_units
    from ebmark.energies import Network, new_energy
    from ebmark.partition_function import SINGLE, estimate_log_z, evaluate
    from ebmark.training import recipes
    from ebmark.training.early_stopping import held_out_nll, snapshot_steps, split_validation
    from ebmark.training.loop import train

    source = load_dataset(target)
    keys = jr.split(jr.key(seed), 6)
    points, test_x = source.split(TARGETS[target], NUM_TEST, keys[0])
    units = fit_units(points)
    train_x, held_out = split_validation(points, keys[1])
    z, held_out_z, test_z = (as_float32(units, x) for x in (train_x, held_out, test_x))
    recipe = recipes.with_changes(method, {"num_updates": NUM_UPDATES}, dim=source.dim)
    inputs = recipe.method.num_extra_inputs
    energy = new_energy(Network().resolve(source.dim), z, keys[2], num_extra_inputs=inputs)
    steps = snapshot_steps(NUM_UPDATES, 4)
    fit = train(recipe, energy, z, key=keys[3], snapshot_steps=steps, check_data=False)
    nll = held_out_nll(held_out, units, None, z, keys[4])
    entropy = -float(np.mean(source.log_prob(test_x))) - units.log_jacobian

    @eqx.filter_jit
    def loss(trainable, state, key):
        return recipe.method.loss(trainable, held_out_z, state, key)[0]

    rows = []
    for snapshot in fit.snapshots:
        log_z = estimate_log_z(snapshot.energy, np.asarray(z), keys[5], effort=SINGLE)
        nll_of_test = float(evaluate(snapshot.energy, test_z).mean()) + log_z.value
        losses = [
            loss(snapshot.trainable, snapshot.state, key) for key in jr.split(keys[4], NUM_DRAWS)
        ]
        row = {"target": target, "method": method, "seed": seed, "step": snapshot.step}
        row |= {"kl": nll_of_test - entropy, "kl_error": log_z.error}
        row |= {"nll": nll(snapshot.energy), "loss": float(np.mean(losses))}
        row |= {"score matching": float(implicit_score_matching(snapshot.energy)(held_out_z))}
        rows.append(row)
    return rows


def implicit_score_matching(energy: Callable) -> Callable:
    r"""Return the loss of Hyvarinen (2005), which needs no Z.

    $$ \mathbb{E}\, \tfrac12 |\nabla E(x)|^2 - \Delta E(x) $$
    """

    def at(x):
        gradient = jax.grad(energy)(x)
        return 0.5 * gradient @ gradient - jnp.trace(jax.hessian(energy)(x))

    return jax.jit(lambda x: jax.vmap(at)(x).mean())


def regrets(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the regret of each criterion, and of the last snapshot, by training."""
    found = []
    for names, group in rows.groupby(["target", "method", "seed"]):
        best = group["kl"].min()
        chosen = {c: group.loc[group[c].fillna(np.inf).idxmin(), "kl"] for c in CRITERIA}
        chosen["last snapshot"] = group.loc[group["step"].idxmax(), "kl"]
        values = {name: kl - best for name, kl in chosen.items()}
        target, method, seed = names
        found.append({"target": target, "method": method, "seed": seed, "lowest KL": best} | values)
    return pd.DataFrame(found)


def main() -> int:
    """Run the command and print the mean regrets; the exit status."""
    use_one_thread("benchmarks.training.early_stopping")
    num_seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    rows = pd.read_csv(RESULTS) if RESULTS.exists() else pd.DataFrame(columns=["target"])
    for seed in range(num_seeds):
        for target in TARGETS:
            for method in METHODS:
                names = {"target": target, "method": method, "seed": seed}
                if len(rows) and (rows[list(names)] == pd.Series(names)).all(axis=1).any():
                    continue
                new = pd.DataFrame(rows_of(**names))
                rows = pd.concat([rows, new])
                rows.to_csv(RESULTS, index=False, float_format="%.6g")
                print(regrets(new).round(3).to_string(index=False), flush=True)
    table = regrets(rows).groupby(["target", "method"]).mean(numeric_only=True)
    print(table.drop(columns="seed").round(2).to_string())
    return 0


if __name__ == "__main__":
    sys.exit(main())
