"""Units of distances between samples."""

from collections.abc import Mapping
from typing import Any

DATA_UNITS = "data units"
# of user data: `datasets.preprocessing.RobustStandardizer`
ROBUST_UNITS = "robust SD (IQR / 1.349)"


def distance_unit(study: Mapping[str, Any]) -> str:
    """Return the unit of the distances of a study, whose datasets all have the same one.

    Args:
        study: the content of `study.json`.

    Example:
        >>> distance_unit({"dataset_info": {"rings": {"dim": 2}}})
        'data units'
    """
    units = {info.get("unit", DATA_UNITS) for info in study["dataset_info"].values()}
    return " or ".join(sorted(units)) or DATA_UNITS
