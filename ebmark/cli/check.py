"""`ebmark check`: test a method against known results."""

from pathlib import Path

from ebmark.cli._common import Positional, load_plugins
from ebmark.errors import unknown


def check(
    method: Positional[str],
    /,
    plugin: tuple[Path, ...] = (),
    quick: bool = False,
) -> int:
    """Prove what can be proven of a method: health, a known optimum, its cost; then its KL.

    Args:
        method: one of `ebmark list`, or of a plugin.
        plugin: Python files with METHODS of your own.
        quick: leave out the KL on two laws, which takes a full training on each.
    """
    load_plugins(plugin)
    from ebmark.cli.terminal_tables import print_checks
    from ebmark.methods import METHODS
    from ebmark.system.threads import keep_compiled_programs
    from ebmark.training.checks import checks
    from ebmark.training.checks import quality as quality_on

    if method not in METHODS:
        raise unknown("method", method, METHODS)
    keep_compiled_programs()
    made = list(checks(method))
    if not quick:
        made += [quality_on(method, dataset) for dataset in ("eight_gaussians", "half_moons")]
    print_checks(made, method)
    return 0 if all(one.passed for one in made) else 1
