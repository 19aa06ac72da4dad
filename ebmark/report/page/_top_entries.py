"""Selection of the configurations that the large figures show."""

from collections.abc import Sequence

import pandas as pd

from ebmark.statistics import metric_of, ranks, role

MAX_ENTRIES = 12  # methods in one large figure


def select_leading(
    table: pd.DataFrame, datasets: Sequence[str], entries: Sequence[str], reference: str | None
) -> list[str]:
    """Select the configurations of the large figures.

    All of them, or if they are many: the reference, the lowest mean ranks, oracle and baselines.
    """
    methods = [entry for entry in entries if role(entry) is None]
    if len(methods) <= MAX_ENTRIES:
        return list(entries)
    metric = metric_of(table, datasets)
    ranking = ranks(table, datasets, entries, metric) if metric else None
    ranked = ranking.entries if ranking else []
    order = dict.fromkeys([reference or methods[0], *ranked, *methods])
    leading = list(order)[:MAX_ENTRIES]
    return [entry for entry in entries if entry in leading or role(entry)]
