"""The methods of a study, and its diverged runs."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd
from markupsafe import Markup

from ebmark.report import figures
from ebmark.report.page._inline import inline
from ebmark.report.page._rows import select_rows

_RUN = ["dataset", "method", "seed"]


class MethodInfo(NamedTuple):
    """A method: name, title, loss as TeX and as SVG, reference."""

    name: str
    title: str
    loss: str
    reference: str
    formula: Markup | None


class DivergedRun(NamedTuple):
    """A diverged run, and the reason."""

    dataset: str
    method: str
    seed: int
    reason: str


def describe_methods(study: Mapping[str, Any], names: Sequence[str]) -> list[MethodInfo]:
    """Describe each configuration by its method: title, loss and reference."""
    return [_describe(study, i, name) for i, name in enumerate(names)]


def _describe(study: Mapping[str, Any], i: int, name: str) -> MethodInfo:
    info = study["method_info"].get(name.partition(", ")[0], {})
    loss = info.get("loss", "")
    picture = figures.formula(loss)
    formula = inline(picture, f"loss-{i}", loss) if picture else None
    return MethodInfo(name, info.get("title", name), loss, info.get("reference", ""), formula)


def list_diverged(table: pd.DataFrame) -> list[DivergedRun]:
    """List the diverged runs, one per dataset, configuration and seed."""
    lost = select_rows(table, status="diverged").drop_duplicates(subset=_RUN)
    columns = [lost[name].tolist() for name in (*_RUN, "reason")]
    return [DivergedRun(*values) for values in zip(*columns, strict=True)]
