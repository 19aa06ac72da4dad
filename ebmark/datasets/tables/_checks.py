"""What makes points unfit for an energy to learn, and what their user should know."""

from collections.abc import Iterable

import numpy as np

from ebmark.errors import UserError, shown

_FEWEST = 20
_FEW = 200
_TINY = 1e-30  # a spread that leaves float32
_NUM_LOOKED_AT = 20_000


def refuse_unfit(x: np.ndarray, columns: tuple[str, ...], total: int, name: str) -> None:
    """Raise `UserError` at too few points, or a column that does not vary."""
    if total < _FEWEST:
        points = f"{total} point{'s' * (total != 1)}"
        wide = " (one point a row; is the table transposed?)" if x.shape[1] > _FEWEST else ""
        raise UserError(f"{name}: has {points}; at least {_FEWEST} are wanted{wide}")
    spread = np.ptp(x, axis=0)
    constant = np.flatnonzero(spread == 0)
    if len(constant) == x.shape[1]:
        raise UserError(f"{name}: all points are the same; an energy needs points that vary")
    if len(constant):
        names = _listed(columns, constant)
        one = len(constant) == 1
        raise UserError(
            f"{name}: drop column{'' if one else 's'} {names}: {'it is' if one else 'they are'}"
            " constant, and an energy needs every column to vary"
        )
    tiny = np.flatnonzero(spread < _TINY)
    if len(tiny):
        raise UserError(f"{name}: {_listed(columns, tiny)} varies by less than 1e-30; rescale it")


def notes_on(x: np.ndarray, columns: tuple[str, ...], total: int) -> tuple[str, ...]:
    """Sentences on what the points cannot give, or will not give as their user may think."""
    notes = [
        _on_thinning(x, total),
        _on_few(x),
        _on_dimension(x),
        _on_offset(x, columns),
        _on_integers(x, columns),
        _on_row_numbers(x, columns),
        _on_repeats(x),
        _on_flatness(x),
    ]
    return tuple(note for note in notes if note)


def _on_thinning(x: np.ndarray, total: int) -> str:
    if len(x) == total:
        return ""
    return f"Of {total:,} points, a uniform sample of {len(x):,} is used (the same every time)."


def _on_few(x: np.ndarray) -> str:
    return f"There are only {len(x)} points: expect wide intervals." if len(x) < _FEW else ""


def _on_dimension(x: np.ndarray) -> str:
    dim = x.shape[1]
    if dim == 1:
        return "There is 1 column: the figures are curves, not maps."
    if dim > 2:
        return (
            f"There are {dim} columns: no oracle mle, no exact samples and no NLL,"
            " which rest on quadrature in 1 or 2 dimensions."
        )
    return ""


def _on_offset(x: np.ndarray, columns: tuple[str, ...]) -> str:
    far = np.flatnonzero(np.abs(x).max(axis=0) > 1e6 * x.std(axis=0))
    if not len(far):
        return ""
    return f"{_columns(columns, far)} vary little about a large value: better to subtract it."


def _on_integers(x: np.ndarray, columns: tuple[str, ...]) -> str:
    whole = [j for j in range(x.shape[1]) if _are_integers(x[:, j])]
    if not whole:
        return ""
    return (
        f"{_columns(columns, whole)} hold whole numbers only: discrete data have no density,"
        " so likelihoods say little; uniform noise of one unit would give them one."
    )


def _are_integers(column: np.ndarray) -> bool:
    exact = np.abs(column) < 2**53  # beyond it, every float64 is whole
    return bool(np.all(column == np.rint(column)) and exact.all())


def _on_row_numbers(x: np.ndarray, columns: tuple[str, ...]) -> str:
    counting = [j for j in range(x.shape[1]) if np.all(np.diff(x[:, j]) > 0)]
    if x.shape[1] == 1 or not counting:
        return ""
    return f"{_columns(columns, counting)} only ever grow: if they number the rows, drop them."


def _on_repeats(x: np.ndarray) -> str:
    """Repeats are found by one random number a row, a projection, which others hardly share."""
    rng = np.random.default_rng(0)
    projection = np.zeros(len(x))
    for j in range(x.shape[1]):
        projection += (x[:, j] - x[:, j].mean()) * (rng.normal() / np.ptp(x[:, j]))
    repeats = len(x) - len(np.unique(projection))
    if repeats < 0.01 * len(x):
        return ""
    return (
        f"Of {len(x):,} points, {repeats:,} repeat another: a density peaks without bound at"
        " points that repeat, and the held-out points are not all new."
    )


def _on_flatness(x: np.ndarray) -> str:
    dim = x.shape[1]
    if dim == 1:
        return ""
    if len(x) > _NUM_LOOKED_AT:
        x = np.random.default_rng(0).choice(x, _NUM_LOOKED_AT, replace=False)
    centred = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), _TINY)
    rank = int(np.linalg.matrix_rank(centred.T @ centred / len(x), tol=1e-10, hermitian=True))
    if rank == dim:
        return ""
    where = {1: "a line", 2: "a plane"}.get(rank, f"a flat of {rank} dimensions")
    return (
        f"The points lie on {where} in their {dim} columns: there they have no density;"
        " drop the columns that others determine."
    )


def _columns(columns: tuple[str, ...], chosen: Iterable[int]) -> str:
    return f"Values of {_listed(columns, chosen)}"


def _listed(columns: tuple[str, ...], chosen: Iterable[int], most: int = 3) -> str:
    names = [f'"{shown(columns[j], 25)}"' for j in chosen]
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
