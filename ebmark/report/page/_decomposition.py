"""Sources of error: W1 split into null, model, method and sampling error; method error in nats."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from ebmark.report.page._cells import Block, Cell, Sheet, sortable
from ebmark.report.page._numbers import count_decimals, format_brief, format_number
from ebmark.statistics import ErrorSources, error_sources, final_values, role, summary

_MAX_NAMED = 8  # configurations named in one sentence
_MAX_KL = 6  # configurations in the sentence on KL


def split_by_dataset(
    table: pd.DataFrame,
    datasets: Sequence[str],
    entries: Sequence[str],
    null_ranges: Mapping[str, Mapping[str, Any]],
) -> dict[str, list[ErrorSources]]:
    """Split W1 into its sources on each dataset that has a null range of W1."""
    split = {
        name: error_sources(table, name, entries, null_ranges[name]["w1"])
        for name in datasets
        if null_ranges.get(name, {}).get("w1")
    }
    return {name: sources for name, sources in split.items() if sources}


def build_sources(
    table: pd.DataFrame,
    split: Mapping[str, Sequence[ErrorSources]],
    null_ranges: Mapping[str, Mapping[str, Any]],
) -> list[Block]:
    """Describe the sources of error: sentences and a table per dataset."""
    blocks = []
    for name, sources in split.items():
        sentences = [*_describe_kl(table, name), *describe_w1(sources, null_ranges[name]["w1"])]
        blocks.append(Block(name, sentences, _sheet(sources)))
    return blocks


def _sheet(sources: Sequence[ErrorSources]) -> Sheet:
    columns = {
        "null mean": [source.null_mean for source in sources],
        "model error": [source.model for source in sources],
        "method error": [source.method for source in sources],
        "sampling error": [source.sampling for source in sources],
        "total": [source.total for source in sources],
        "reported": [source.langevin for source in sources],
        "masked": [source.masked or math.nan for source in sources],
    }
    columns = {name: column for name, column in columns.items() if not np.isnan(column).all()}
    if "sampling error" not in columns:
        columns.pop("total", None)
    decimals = count_decimals([sources[0].null_mean], 3)
    rows = [
        (source.entry, [_cell(column[i], decimals, name) for name, column in columns.items()])
        for i, source in enumerate(sources)
    ]
    return Sheet(["configuration", *columns], rows)


def _cell(value: float, decimals: int, column: str) -> Cell:
    if column != "masked":
        return Cell(format_number(value, decimals), sortable(value))
    if math.isnan(value):
        return Cell("", 0.0)
    return Cell(format_number(value, decimals), value, "diverged")


def _describe_kl(table: pd.DataFrame, dataset: str) -> list[Markup]:
    """State the model error and each method's error in nats of KL, where there is an oracle."""
    runs = final_values(table, dataset, "kl")
    medians = {entry: summary(values).median for entry, values in runs.items()}
    medians = {entry: median for entry, median in medians.items() if math.isfinite(median)}
    oracles = [median for entry, median in medians.items() if role(entry) == "oracle"]
    if not oracles:
        return []
    errors = {e: median - min(oracles) for e, median in medians.items() if role(e) is None}
    if not errors:
        return []
    order = sorted(errors, key=lambda entry: errors[entry])
    listed = Markup(", ").join(
        Markup("<b>{}</b> {}").format(e, format_brief(errors[e]) if errors[e] > 0 else "none")
        for e in order[:_MAX_KL]
    )
    more = f", and {len(order) - _MAX_KL} more" if len(order) > _MAX_KL else ""
    sentence = Markup(
        "KL in nats: model error (median KL of the oracle) {}; method error (excess over the "
        "oracle): {}{}."
    )
    return [sentence.format(format_brief(min(oracles)), listed, more)]


def describe_w1(sources: Sequence[ErrorSources], null_range: Mapping[str, Any]) -> list[Markup]:
    """State which exact samples W1 distinguishes, which chains converged, what they mask."""
    sentences = _distinguished(sources, int(null_range["n"]))
    sentences.append(_sampling(sources))
    masking = [source for source in sources if source.masked > 0]
    if masking:
        sentence = Markup(
            "<b>Masked by unconverged chains:</b> W1 is lower for Langevin samples than for exact "
            "samples of {}, by {}; Langevin samples alone underestimate the error of the energy."
        )
        names = _join([source.entry for source in masking])
        amounts = _join([format_brief(source.masked) for source in masking])
        sentences.append(sentence.format(names, amounts))
    return sentences


def _distinguished(sources: Sequence[ErrorSources], num_samples: int) -> list[Markup]:
    compared = [source for source in sources if source.null is not None]
    above = [source for source in compared if source.null and source.null.position == "above"]
    if len(above) == len(compared):
        return []
    single = any(source.null and source.null.of_single_draws for source in compared)
    test = "medians against the range of a single draw"
    if not single:
        test = "Mann\u2013Whitney test of all seeds, Holm-adjusted"
    if above:
        sentence = Markup("W1 of exact samples is above the null only for {} ({}).")
        return [sentence.format(_join([source.entry for source in above]), test)]
    sentence = Markup(
        "With {:,} samples, W1 does not distinguish the exact samples of any configuration from "
        "the target ({})."
    )
    return [sentence.format(num_samples, test)]


def _sampling(sources: Sequence[ErrorSources]) -> Markup:
    measured = [source for source in sources if not math.isnan(source.sampling)]
    unconverged = [source for source in measured if not source.is_converged]
    if not measured:
        return Markup("The sampling error was not measured in these runs.")
    if not unconverged:
        return Markup(
            "For no configuration is the sampling error significantly larger than its null."
        )
    sentence = Markup("The sampling error is significantly larger than its null for {}.")
    names = [f"{one.entry} (by {format_brief(one.sampling)})" for one in unconverged]
    return sentence.format(_join(names))


def _join(names: Sequence[str]) -> str:
    """Join names by commas and "and"; many are cut."""
    listed = list(names[:_MAX_NAMED])
    if len(names) > _MAX_NAMED:
        listed.append(f"{len(names) - _MAX_NAMED} more")
    if len(listed) == 1:
        return listed[0]
    return ", ".join(listed[:-1]) + " and " + listed[-1]
