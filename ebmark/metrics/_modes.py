"""Metrics of samples of a target with known components."""

import math

import numpy as np
from numpy.typing import ArrayLike

from ebmark.metrics._inputs import read_samples

# Fraction of the target samples with the lowest density, which counts as low quality.
_LOW_QUALITY_FRACTION = 0.01


def mode_frequency_tv(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the total variation distance between the mode frequencies of two samples, 0 to 1.

    $$ \tfrac12 \sum_k \left| \hat P_x(k) - \hat P_y(k) \right|, \quad
       k(x) = \arg\max_k \log p_k(x) $$

    Samples at which every component has the density 0 are in no mode and are left out.

    Args:
        x: Log-density of each component at the samples of the model.
        y: Log-density of each component at the target samples.

    Returns:
        The distance; NaN if the input contains NaN, or no sample is in a mode.

    References: Che et al. (2017), Mode regularized generative adversarial networks, which uses the
    KL divergence of the frequencies.

    Example:
        >>> first, second = np.array([[0.0, -9.0]]), np.array([[-9.0, 0.0]])
        >>> mode_frequency_tv(first, np.concatenate([first, second]))
        0.5
    """
    x, y = read_samples(x, y)
    if np.isnan(x).any() or np.isnan(y).any():
        return math.nan
    counts = [
        np.bincount(z[z.max(axis=1) > -np.inf].argmax(axis=1), minlength=z.shape[1]) for z in (x, y)
    ]
    if not all(count.any() for count in counts):
        return math.nan
    x_frequencies, y_frequencies = (count / count.sum() for count in counts)
    return float(0.5 * np.abs(x_frequencies - y_frequencies).sum())


def high_quality_fraction(x: ArrayLike, y: ArrayLike) -> float:
    r"""Return the fraction of samples in the 99% highest-density region of the target.

    $$ \hat P_x(p(x) \ge c), \quad c = \text{the 1\% quantile of } p(y),\; y \sim p $$

    It is 0.99 for the target and larger for a distribution that is too narrow: it is insensitive
    to missing modes.

    Args:
        x: Log-density of each component at the samples of the model.
        y: Log-density of each component at the target samples.

    Returns:
        The fraction; NaN if the input contains NaN.

    References: Srivastava et al. (2017), VEEGAN, with three standard deviations in place of the
    quantile of the density.
    """
    x, y = read_samples(x, y)
    if np.isnan(x).any() or np.isnan(y).any():
        return math.nan
    x_log_density = np.logaddexp.reduce(x, axis=1)
    y_log_density = np.logaddexp.reduce(y, axis=1)
    threshold = np.quantile(y_log_density, _LOW_QUALITY_FRACTION)
    return float(np.mean(x_log_density >= threshold))
