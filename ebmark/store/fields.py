"""Fields of stored files, and what is measured of a study as a whole."""

import re
from typing import Annotated, NotRequired

from pydantic import AfterValidator, Field, FiniteFloat
from typing_extensions import TypedDict

_MAX_NAME = 200  # characters


def is_name(text: str) -> bool:
    """Return whether a text can be a name: one line of 1 to 200 printable characters."""
    return 0 < len(text) <= _MAX_NAME and text.isprintable()


def _check_name(text: str) -> str:
    if not is_name(text):
        raise ValueError(f"must be 1 to {_MAX_NAME} printable characters")
    return text


RUN_ID = re.compile(r"[0-9a-f]{16}")
Name = Annotated[str, AfterValidator(_check_name)]
Text = Annotated[str, Field(max_length=200_000)]
RunId = Annotated[str, Field(pattern=rf"\A{RUN_ID.pattern}\z")]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Step = Annotated[int, Field(ge=0, lt=2**53)]
Size = Annotated[int, Field(ge=1, lt=2**53)]
Digest = Annotated[str, Field(pattern=r"\A[0-9a-f]{64}\z")]


class NullRange(TypedDict):
    """The range of a metric between two independent target samples of size n.

    It holds `level` (0.95 if absent) of new draws. `draws` are those it is computed from; ranges
    that were measured before draws were stored have only their number.
    """

    n: Size
    mean: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    level: NotRequired[FiniteFloat]
    draws: NotRequired[Size | Annotated[list[FiniteFloat], Field(max_length=10_000)]]


_Triple = Annotated[list[FiniteFloat], Field(min_length=3, max_length=3)]


class StepBias(TypedDict):
    """The bias of the mean energy due to Langevin's step size, in nats: `studies/step_bias.py`."""

    run_id: RunId
    seed: Seed
    steps: _Triple
    means: _Triple
    errors: _Triple
    biases: _Triple
    bias_errors: _Triple
    limit: FiniteFloat
    limit_error: FiniteFloat
    exact: FiniteFloat
    exact_error: FiniteFloat


class ColumnScore(TypedDict):
    """How one column of samples differs from user data: `metrics/columns.py`."""

    column: Text
    w1: FiniteFloat
    low: FiniteFloat
    high: FiniteFloat
    findings: list[Text]


class CorrelationScore(TypedDict):
    """How the rank correlation of two columns differs from that of user data."""

    columns: Annotated[list[Text], Field(min_length=2, max_length=2)]
    value: FiniteFloat
    target: FiniteFloat
    high: FiniteFloat


class ColumnComparison(TypedDict):
    """The columns of the run of the median seed: `studies/column_scores.py`."""

    seed: Seed
    columns: list[ColumnScore]
    correlations: list[CorrelationScore]
