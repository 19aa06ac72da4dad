"""Family, color and marker of every method: the only place where figures and pages find them.

A color keeps a contrast of 3 : 1 on both backgrounds of the page, and families differ for
color-blind readers. Within a family, methods differ by shade and marker; tuned recipes are dashed.
"""

import zlib
from typing import NamedTuple

GROUNDS = {"light": "#fdfdfc", "dark": "#14171a"}
# Family -> shades. A plug-in belongs to "other".
COLORS = {
    "MCMC-based": ("#1e82ef", "#7879e8", "#4591dc"),
    "score-based": ("#d6680b", "#a65805", "#bf7d12"),
    "noise-contrastive": ("#1f9c57", "#4b7645", "#689e60"),
    "baseline": ("#69666a", "#909292"),
    "other": ("#bb209c",),
}
FAMILIES = {
    "MCMC-based": "cd pcd pcd_paired icd jarzynski drl short_run em "
    "torchebm/cd torchebm/pcd ebmkit/cd ebmkit/pcd",
    "score-based": "dsm ism ssm ssm_vr mdsm diffclf fdsm ksd lsd "
    "torchebm/dsm ebmkit/dsm ebmkit/ssm",
    "noise-contrastive": "nce ed nce_mixture nce_kde nce_box nce_flow nce_self cnce ranking ence "
    "fce snl ebmkit/nce ebmkit/ed",
    "baseline": "mle gaussian kde flow mixture",
}
MARKERS = "osD^vPXh"  # as matplotlib names them


class Look(NamedTuple):
    """How a configuration is drawn."""

    family: str
    color: str
    marker: str
    is_tuned: bool

    @property
    def line(self) -> str:
        """The style of lines: dashed for tuned recipes."""
        return "--" if self.is_tuned else "-"


_BY_METHOD = {
    method: (family, COLORS[family][i % len(COLORS[family])], MARKERS[(i + 2 * f) % len(MARKERS)])
    for f, (family, methods) in enumerate(FAMILIES.items())
    for i, method in enumerate(methods.split())
}


def look(entry: str) -> Look:
    """Return how a method, or a configuration such as `nce, tuned`, is drawn everywhere.

    Example:
        >>> look("nce, tuned").family, look("nce, tuned").line
        ('noise-contrastive', '--')
    """
    method, _, recipe = entry.partition(", ")
    marker = MARKERS[zlib.crc32(method.encode()) % len(MARKERS)]
    known = _BY_METHOD.get(method, ("other", COLORS["other"][0], marker))
    return Look(*known, is_tuned=bool(recipe) and "=" not in recipe.partition(", ")[0])
