"""Which method for a table: methods compared on its twin and on its held-out rows."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float

from ebmark.datasets import TWIN, Dataset, UserDataset, fit_twin
from ebmark.datasets.preprocessing.table import TableEncoder
from ebmark.datasets.tables import Points
from ebmark.engines import Engine, new_engine
from ebmark.errors import UserError
from ebmark.report.page import count_seeds, state_p
from ebmark.statistics import SIGNIFICANT, agreement, final_values, paired_by_seed, summary
from ebmark.studies import plugins
from ebmark.studies.comparison import Comparison, folder_of, run_study
from ebmark.studies.own_objects import Method, method_name
from ebmark.studies.study import Study
from ebmark.system.checksums import sha256
from ebmark.system.writing import make_folder, write_whole
from ebmark.training import recipes

_METHODS = ("nce", "dsm", "cd", "gaussian", "kde")
_QUICK_METHODS = ("nce", "dsm", "gaussian", "kde")
_NUM_SEEDS = 6
_QUICK_UPDATES = 100
# a fifth is held out, and a study trains on at least 20 points
_MIN_ROWS = 25


@dataclasses.dataclass(frozen=True)
class Twin:
    """The twin of a table, and the methods compared on it.

    Attributes:
        dataset: the twin, for `eb.compare`; in the numbers that the columns are mapped to.
        components: number of components of the mixture; of 1, the twin is a Gaussian.
        gain: log-likelihood per held-out row, minus that of one Gaussian, in nats.
        gain_error: its standard error.
        table: one row per method, by KL: `kl`, the median over seeds of KL(twin ‖ model) in nats,
            with its 95% interval `kl_low`, `kl_high`; `difference`, the paired difference of KL to
            the method of the lowest KL, and `p` of its test; `log_likelihood`, the median over
            splits of the mean log-likelihood of held-out rows. KL is infinite, and the
            log-likelihood minus infinite, where the median run diverged or its log Z is
            unresolved.
        answer: which method is best on both, tested, and whether the two rankings agree.
        on_twin: the comparison on the twin; None if that is a Gaussian.
        on_rows: the comparison on the rows.
    """

    dataset: Dataset
    components: int
    gain: float
    gain_error: float
    table: pd.DataFrame
    answer: str
    on_twin: Comparison | None
    on_rows: Comparison
    _encoder: TableEncoder = dataclasses.field(repr=False)

    def sample(self, n_samples: int, random_state: Any = None) -> Any:
        """Draw rows of the twin, with the columns, types, ranges and rounding of the table."""
        return self._encoder.inverse_transform(self.dataset.sample(n_samples, random_state))

    def _repr_html_(self) -> str:
        return f"<p>{self.answer}</p>{self.table.to_html()}"


def twin(
    X: Any,
    *,
    methods: Sequence[Method] | None = None,
    seeds: int | None = None,
    updates: int | None = None,
    missing: str | None = None,
    drop: Any = (),
    quick: bool = False,
    random_state: int = 0,
    out: str | Path | None = None,
    jobs: int | None = None,
) -> Twin:
    r"""Find out which training method suits a table, by a target of known density that is like it.

    The twin is a mixture of factor analyzers fitted to the rows; its size maximizes the
    likelihood of held-out rows. Methods are trained on samples of it, as many as a split of the
    rows has for training, so that their divergence from the data's distribution is exact:

    $$ KL(p \| p_\theta) = E_{x \sim p} [\log p(x) + E_\theta(x)] + \log Z $$

    They are also trained on the rows, a fifth of which is held out by each seed. A run that
    diverged, or whose log Z is unresolved, counts as the worst. A mixture of Gaussians favors
    methods that fit one.

    Args:
        X: a data frame or an array (n, d), as for `EnergyModel`, of at least 25 rows.
        methods: keys of `METHODS`, and methods or recipes of your own; by default three methods,
            a Gaussian and a kernel density estimate.
        seeds: number of seeds, 6 by default; a test needs at least 6.
        updates: number of updates of every method; by default 100 passes over the rows.
        missing: what to do with missing values: None to refuse them, "drop" or "impute".
        drop: names of columns to leave out.
        quick: three times shorter: two methods and the baselines, 1 seed, 100 updates.
        random_state: seed of the twin and of the noise on discrete columns.
        out: folder of the results; a temporary one if None. Its twin.py is a plug-in of the twin.
        jobs: number of parallel runs; 1 in this process if None.

    Returns:
        The twin: `table`, `answer`, `dataset`, `sample`.

    Raises:
        ValueError: if the table is refused, as by `EnergyModel`.
        UserError: if a method is unknown, there are too few rows, or a run fails.

    Example:
        >>> X = np.random.default_rng(0).normal(size=(60, 2))
        >>> result = twin(X, methods=["gaussian", "kde"], seeds=1)
        >>> result.answer
        'The twin is a Gaussian: ...'
    """
    encoder = TableEncoder(missing, drop)
    rows = _encode(encoder, X, random_state)
    study = _study(rows, methods, seeds, updates, quick)
    folder = folder_of(out)
    file = folder / "twin.py"
    make_folder(folder)
    fitted = fit_twin(rows, random_state)
    write_whole(file, fitted.source)
    plugins.register("DATASETS", TWIN, fitted.dataset, sha256(fitted.source.encode()))

    def run(name: str, points: Points | None) -> Comparison:
        title = f"Methods on the {'rows' if points else 'twin'} of a table"
        part = dataclasses.replace(study, name=name, title=title)
        engine = _engine(folder / name, study.methods, jobs)
        return run_study(part, folder / name, engine, points, (file,))

    on_twin = run("twin", None) if fitted.components > 1 else None
    names = tuple(map(str, encoder.encoded_names))
    on_rows = run("rows", Points(rows, names, ()))
    kl = _values(on_twin.frame, TWIN, "kl") if on_twin else {}
    table = compare_methods(kl, _values(on_rows.frame, "rows", "nll"))
    answer = state_answer(table, fitted.gain, fitted.gain_error, study.seeds)
    sizes = (fitted.components, fitted.gain, fitted.gain_error)
    return Twin(fitted.dataset, *sizes, table, answer, on_twin, on_rows, encoder)


def _encode(encoder: TableEncoder, X: Any, seed: int) -> Float[np.ndarray, "n d"]:
    """Map a table to numbers, as `EnergyModel` does in fit."""
    if encoder.missing == "model":
        raise UserError("'missing' of a twin must be None, 'drop' or 'impute', not 'model'.")
    rows = encoder.dequantize(encoder.fit_transform(X), seed)
    if not np.isfinite(rows).all():
        raise ValueError("The table has infinite values. Remove these rows.")
    if len(rows) < _MIN_ROWS:
        raise UserError(f"The table has {len(rows)} complete rows. Give at least {_MIN_ROWS}.")
    return rows


def _study(
    rows: Float[np.ndarray, "n d"],
    methods: Sequence[Method] | None,
    seeds: int | None,
    updates: int | None,
    quick: bool,
) -> Study:
    """Return the study of the twin, of which that of the rows differs in the data only."""
    names = tuple(map(method_name, methods or (_QUICK_METHODS if quick else _METHODS)))
    source = UserDataset("rows", rows)
    num_train = len(rows) - source.num_held_out
    if updates is None:
        own = [recipes.with_changes(name, {}, dim=source.dim) for name in names]
        updates = max(max(recipes.auto_updates(recipe, num_train, source.dim) for recipe in own), 1)
        updates = min(updates, _QUICK_UPDATES) if quick else updates
    return Study(
        name="twin",
        question="Which method is closest to the twin?",
        datasets=(TWIN,),
        methods=names,
        seeds=seeds or (1 if quick else _NUM_SEEDS),
        num_updates=updates,
        num_train=num_train,
        num_samples=500,
        num_metric_samples=100,
        langevin_steps=100,
        early_stopping=True,
    )


def _engine(folder: Path, methods: Sequence[str], jobs: int | None) -> Engine:
    """Return processes, which load the twin from its file, or this process."""
    if (jobs or 1) == 1 or plugins.in_process(methods):
        return new_engine("inline", folder)
    return new_engine("processes", folder, jobs=jobs)


def _values(table: pd.DataFrame, dataset: str, metric: str) -> dict[str, pd.Series]:
    """Return the final values of every method by seed, also where no run has a finite one."""
    found = final_values(table, dataset, metric)
    runs = table.drop_duplicates(["method", "seed"])
    return {
        str(name): found.get(str(name), pd.Series(math.nan, index=sorted(seeds)))
        for name, seeds in runs.groupby("method", sort=False, observed=True)["seed"]
    }


def compare_methods(kl: Mapping[str, pd.Series], nll: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Return the table of a `Twin`, best first.

    Args:
        kl: by method, KL on the twin by seed; empty if there is none.
        nll: by method, the negative log-likelihood of held-out rows by seed.
    """
    rows = {}
    values = kl or nll
    order = sorted(values, key=lambda name: (summary(values[name]).median, name))
    for name in order:
        row = {"log_likelihood": -summary(nll.get(name, [math.nan])).median}
        if kl:
            stats = summary(kl[name])
            interval = {"kl_low": stats.median_low, "kl_high": stats.median_high}
            test = {"difference": math.nan, "p": math.nan}
            if name != order[0]:
                paired = paired_by_seed(kl[name], kl[order[0]])
                test = {"difference": paired.difference, "p": paired.p}
            row = {"kl": stats.median, **interval, **test, **row}
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def state_answer(table: pd.DataFrame, gain: float, gain_error: float, seeds: int) -> str:
    """State which method is best on the twin and on the rows, and whether the rankings agree.

    Args:
        table: as of `compare_methods`.
        gain: what the twin gains over a Gaussian, in nats.
        gain_error: its standard error.
        seeds: number of seeds.
    """
    likelihoods = table["log_likelihood"]
    on_rows = "On held-out rows, all median runs diverged or are unresolved."
    if np.isfinite(likelihoods).any():
        on_rows = (
            f"On held-out rows, {likelihoods.idxmax()} has the highest log-likelihood "
            f"({likelihoods.max():.4g} nats)."
        )
    if "kl" not in table:
        return (
            "The twin is a Gaussian: no mixture has a significantly higher log-likelihood on "
            f"held-out rows (gain {gain:.2g} ± {gain_error:.2g} nats), so that it cannot rank "
            f"methods for this table. {on_rows}"
        )
    parts = [
        f"The twin gains {gain:.2g} ± {gain_error:.2g} nats per held-out row over a Gaussian.",
        _state_best(table, seeds),
        on_rows,
    ]
    if len(table) > 1:
        pairs = agreement(table["kl"].tolist(), (-likelihoods).tolist())
        parts.append(
            f"The two rankings agree on {pairs.num_same} of {pairs.num_pairs} pairs of methods "
            f"(Kendall's tau {pairs.tau:.2f})."
        )
    return " ".join(parts)


def _state_best(table: pd.DataFrame, seeds: int) -> str:
    best = table.iloc[0]
    if not math.isfinite(best["kl"]):
        return "On the twin, all median runs diverged or are unresolved."
    text = f"On the twin, {table.index[0]} has the lowest median KL ({best['kl']:.2g} nats)"
    if len(table) == 1:
        return f"{text}."
    runner_up, p = table.index[1], table["p"].iloc[1]
    is_lower = p < SIGNIFICANT and table["difference"].iloc[1] > 0
    if math.isnan(p):
        return f"{text}, not tested ({count_seeds(seeds)}; at least 6 are needed)."
    relation = "lower than" if p < SIGNIFICANT else "different from"
    negation = "" if is_lower else "not "
    test = f"Wilcoxon signed-rank test on paired seeds, {state_p(p)}"
    return f"{text}, {negation}significantly {relation} the runner-up {runner_up} ({test})."
