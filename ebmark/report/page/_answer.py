"""The answer to a study's question: the best configurations by its deciding metric, tested."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from ebmark.report.page._numbers import count_seeds, format_brief, format_p, significant_digits
from ebmark.statistics import (
    IN_EVERY_RUN,
    SIGNIFICANT,
    Paired,
    fewest_seeds,
    final_values,
    holm,
    paired_by_seed,
    role,
    summary,
    without_axes,
)
from ebmark.store.metric_info import MetricInfo, metric_info
from ebmark.store.units import distance_unit

CONDITIONS = ("num_train", "network_evaluations")  # swept settings within which methods compete
_FALLBACKS = ("kl", "nll", "w1_langevin")  # where the deciding metric was not measured
_MAX_STATED = 4  # comparisons that are stated one by one; of more, the wins are counted
_MAX_NAMED = 3


class Group(NamedTuple):
    """The candidates under one condition, such as a dataset, and which is best.

    Attributes:
        condition: Where they compete, such as `on half_moons`.
        best: The candidate with the best median.
        median: Its median over seeds.
        n: Its number of seeds.
        tests: Each other candidate, and its paired test against the best.
        adjusted: p of each test after Holm's adjustment over all tests of the answer.
    """

    condition: str
    best: str
    median: float
    n: int
    tests: dict[str, Paired]
    adjusted: dict[str, float]

    @property
    def ties(self) -> list[str]:
        """Candidates that are not significantly different from the best."""
        return [name for name, p in self.adjusted.items() if not p < SIGNIFICANT]

    @property
    def is_tested(self) -> bool:
        """Whether every test had enough seeds."""
        return bool(self.tests) and not any(math.isnan(p) for p in self.adjusted.values())


class Answer(NamedTuple):
    """The answer to a study's question: one sentence, and the test behind it."""

    question: str
    sentence: str
    test: str
    groups: list[Group]


def answer(table: pd.DataFrame, study: Mapping[str, Any]) -> Answer:
    """State which configuration has the best deciding metric, on each dataset and condition.

    Configurations are compared on each dataset, and at each value of a swept setting. Where
    hyperparameters are swept, their values are compared for each method instead. Oracles and
    baselines do not take part. A run that diverged or is unresolved counts as the worst.

    Args:
        table: Results, with configurations in the column `method`.
        study: The content of `study.json`.

    Example:
        >>> rows = [("d", m, s, 1, "kl", v + s, "done") for m, v in (("a", 9), ("b", 2)) for s in range(6)]
        >>> names = ["dataset", "method", "seed", "step", "metric", "value", "status"]
        >>> study = {"datasets": ["d"], "dataset_info": {}}
        >>> answer(pd.DataFrame(rows, columns=names), study).sentence
        'b has the lowest median KL on d (4.5 nats), significantly lower than a (adjusted p\u00a0=\u00a00.031).'
    """  # noqa: E501
    wanted = (study.get("deciding_metric") or _FALLBACKS[0], *_FALLBACKS)
    measured = set(table["metric"].loc[table["value"].notna() | table["metric"].isin(IN_EVERY_RUN)])
    metric = next((metric for metric in wanted if metric in measured), wanted[0])
    runs = {dataset: final_values(table, dataset, metric) for dataset in study["datasets"]}
    info = metric_info(metric, distance_unit(study))
    groups = _adjust(_compare(runs, info.higher_is_better))
    question = (
        study.get("question") or f"Which configuration has the {_extreme(info)} {_name(info)}?"
    )
    if not groups:
        reason = "No method has a completed run yet."
        if any(runs.values()):
            reason = "Only the oracle and baselines have completed runs, so nothing is compared."
        return Answer(question, reason, "", [])
    state = _state_each if len(groups) <= _MAX_STATED else _count_wins
    test = f"{_describe_test(groups)} {_name_excluded(runs)}".strip()
    return Answer(question, state(groups, info, metric), test, groups)


def _name_excluded(runs: Mapping[str, Mapping[str, pd.Series]]) -> str:
    """Name the configurations that do not take part."""
    entries = dict.fromkeys(entry for by_entry in runs.values() for entry in by_entry)
    names = [f"{entry} ({label})" for entry in entries if (label := role(entry))]
    if not names:
        return ""
    if len(names) > _MAX_NAMED:
        return "The oracle and the baselines are not compared here."
    return f"Not compared here: {', '.join(names)}."


def _compare(runs: Mapping[str, Mapping[str, pd.Series]], higher_is_better: bool) -> list[Group]:
    """Group the configurations by condition, and test the best of each group against the others."""
    candidates: dict[str, dict[str, pd.Series]] = {}
    for dataset, by_entry in runs.items():
        for entry, values in by_entry.items():
            if role(entry) is None:
                condition, name = _split(dataset, entry)
                candidates.setdefault(condition, {})[name] = values
    if any(len(runs) > 1 for runs in candidates.values()):
        candidates = {name: runs for name, runs in candidates.items() if len(runs) > 1}
    groups = []
    sign = -1 if higher_is_better else 1
    for condition, by_name in candidates.items():
        sums = {name: summary(sign * values) for name, values in by_name.items()}
        best = min(sums, key=lambda name: (sums[name].median, sums[name].mean, name))
        # a tuned recipe that kept the default has the same runs
        tests = {
            name: paired_by_seed(values, by_name[best], higher_is_better=higher_is_better)
            for name, values in by_name.items()
            if not values.equals(by_name[best])
        }
        groups.append(Group(condition, best, sign * sums[best].median, sums[best].n, tests, {}))
    return groups


def _split(dataset: str, entry: str) -> tuple[str, str]:
    """The condition and the name of a candidate, from its configuration.

    Example:
        >>> _split("rings", "nce, tuned"), _split("rings", "cd, num_steps=5")
        (('on rings', 'nce, tuned'), ('for cd on rings', 'num steps 5'))
        >>> _split("rings", "cd, num_train=300")
        ('on rings at num train 300', 'cd')
    """
    line = without_axes(entry)
    axes = [part.split("=") for part in entry.split(", ") if "=" in part]
    texts = {name: f"{name.replace('_', ' ')} {_shorten(value)}" for name, value in axes}
    conditions = [text for name, text in texts.items() if name in CONDITIONS]
    settings = [text for name, text in texts.items() if name not in CONDITIONS]
    place = f"on {dataset}" + "".join(f" at {text}" for text in conditions)
    return (f"for {line} {place}", ", ".join(settings)) if settings else (place, line)


def _shorten(value: str) -> str:
    return f"{int(value):,}" if value.isdigit() else value


def _adjust(groups: Sequence[Group]) -> list[Group]:
    """Adjust p values over all tests; NaN where seeds are too few for any to be significant."""
    tests = [test for group in groups for test in group.tests.values()]
    p = holm([test.p for test in tests])
    if max((test.n for test in tests), default=0) < _seeds_needed(groups):
        p = [math.nan] * len(tests)
    adjusted = iter(p)
    return [c._replace(adjusted={name: next(adjusted) for name in c.tests}) for c in groups]


def _seeds_needed(groups: Sequence[Group]) -> int:
    return fewest_seeds(sum(len(group.tests) for group in groups))


def _describe_test(groups: Sequence[Group]) -> str:
    """Name the test behind the answer; empty if nothing was tested."""
    num_tests = sum(len(group.tests) for group in groups)
    if not any(group.is_tested for group in groups):
        return ""
    counted = f"{num_tests} comparisons" if num_tests > 1 else "one comparison"
    return (
        "Two-sided Wilcoxon signed-rank test of the best against each other one on paired seeds, "
        f"Holm-adjusted over {counted}; significant: p < 0.05."
    )


def _extreme(info: MetricInfo) -> str:
    return "highest" if info.higher_is_better else "lowest"


def _name(info: MetricInfo) -> str:
    return info.label.partition("(")[0] if info.label.startswith("KL(") else info.label


def _state_each(groups: Sequence[Group], info: MetricInfo, metric: str) -> str:
    """State the best of each condition, its median, and what is not significantly different."""
    parts = []
    alike: dict[tuple[str, ...], list[Group]] = {}
    for group in groups:
        if math.isfinite(group.median):
            prefix = group.condition.partition(" on ")[0] if group.condition[0] == "f" else ""
            alike.setdefault((prefix, group.best, *group.ties), []).append(group)
        else:
            parts.append(f"all median runs {group.condition} diverged or are unresolved")
    needed = _seeds_needed(groups)
    relations = [_relate(members, info, needed) for members in alike.values()]
    is_shared = len(relations) > 1 and len(set(relations)) == 1 and "not tested" in relations[0]
    for (_, best, *_), members, relation in zip(alike, alike.values(), relations, strict=True):
        digits = significant_digits(metric)
        values = [f"{format_brief(group.median, digits)} {info.unit}".strip() for group in members]
        swept, _, _ = members[0].condition.partition(" on ")
        where = [f"on {group.condition.partition('on ')[2]}" for group in members]
        places = _join([f"{one} ({value})" for one, value in zip(where, values, strict=True)])
        metric_name = f"{_extreme(info)} median {_name(info)}"
        claim = f"{best} has the {metric_name} {places}"
        if swept.startswith("for "):
            claim = f"{swept[4:]} has its {metric_name} with {best} {places}"
        parts.append(claim if is_shared else claim + relation)
    if is_shared:
        parts.append(relations[0].removeprefix(", "))
    text = "; ".join(parts).replace("all median", "All median", 1 if parts[0][:3] == "all" else 0)
    return f"{text}."


def _relate(groups: Sequence[Group], info: MetricInfo, needed: int) -> str:
    """Relate the best of groups to the others of these groups; all have the same ties."""
    others, ties = list(groups[0].tests), groups[0].ties
    if not others:
        return ""
    if not all(group.is_tested for group in groups):
        return f", not tested ({count_seeds(groups[0].n)}; at least {needed} are needed)"
    if ties:
        p = [group.adjusted[name] for group in groups for name in ties]
        names = "any other" if 1 < len(others) == len(ties) else _list(ties)
        relation = f"not significantly different from {names}"
        return f", {relation} (adjusted {_bound(min(p), len(p) > 1, '≥')})"
    p = [p for group in groups for p in group.adjusted.values()]
    names = "every other one" if len(others) > 1 else others[0]
    relation = f"significantly {'higher' if info.higher_is_better else 'lower'} than {names}"
    return f", {relation} (adjusted {_bound(max(p), len(p) > 1, '≤')})"


def _bound(p: float, is_bound: bool, sign: str) -> str:
    """The p of one test, or a bound of all: `p = 0.03`, `p ≤ 0.03`, `p < 0.001`."""
    text = format_p(p)
    if text.startswith("<"):
        return f"p\u00a0<\u00a0{text[1:]}"
    return f"p\u00a0{sign if is_bound and p < 1 else '='}\u00a0{text}"


def _list(names: Sequence[str]) -> str:
    """List names, at most three of them."""
    named = list(names[:_MAX_NAMED])
    if more := len(names) - len(named):
        named.append(f"{more} more")
    return _join(named)


def _join(texts: Sequence[str]) -> str:
    return " and ".join([", ".join(texts[:-1]), texts[-1]] if len(texts) > 1 else texts)


def _count_wins(groups: Sequence[Group], info: MetricInfo, metric: str) -> str:
    """Count under how many conditions each candidate is the best, and how often significantly."""
    finite = [group for group in groups if math.isfinite(group.median)]
    wins: dict[str, list[Group]] = {}
    for group in finite:
        wins.setdefault(group.best, []).append(group)
    order = sorted(wins, key=lambda name: (-len(wins[name]), name))
    first = f"the {_extreme(info)} median {_name(info)} in {{}} of {len(groups)} cases"
    if not order:
        return "Every median run diverged or is unresolved."
    shown = [f"{order[0]} has {first.format(len(wins[order[0]]))}"]
    shown += [f"{name} in {len(wins[name])}" for name in order[1:_MAX_NAMED]]
    if others := order[_MAX_NAMED:]:
        shown.append(f"{len(others)} more in {sum(len(wins[name]) for name in others)}")
    text = _join(shown)
    if not any(group.is_tested for group in groups):
        fewest = min(group.n for group in groups)
        needed = _seeds_needed(groups)
        return f"{text} (not tested: {count_seeds(fewest)}; at least {needed} are needed)."
    clear = [group for group in finite if group.is_tested and not group.ties]
    side = "higher" if info.higher_is_better else "lower"
    return f"{text}; it is significantly {side} than all others in {len(clear) or 'none'} of them."
