"""Whom the large pictures show where there are more methods than the eye can hold."""

from collections.abc import Sequence

import pandas as pd

from ebmark.statistics import metric_of, ranks, role

MOST = 12


def leading(
    table: pd.DataFrame, datasets: Sequence[str], methods: Sequence[str], reference: str | None
) -> list[str]:
    """All methods if few; else the reference, those of lowest mean rank, oracles and anchors."""
    rivals = [method for method in methods if role(method) is None]
    if len(rivals) <= MOST:
        return list(methods)
    metric = metric_of(table, datasets)
    ranked = ranks(table, datasets, methods, metric) if metric else None
    order = dict.fromkeys([reference or rivals[0], *(ranked.entries if ranked else []), *rivals])
    first = list(order)[:MOST]
    return [method for method in methods if method in first or role(method)]
