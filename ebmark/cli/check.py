"""`ebmark check`: test a method against known results."""

from pathlib import Path

from ebmark.cli._common import Positional
from ebmark.cli.plugin_files import load_plugins, network_name
from ebmark.errors import unknown


def check(
    method: Positional[str],
    /,
    plugin: tuple[Path, ...] = (),
    quick: bool = False,
    network: str | None = None,
) -> int:
    """Test a method against known results.

    Checks that training is finite and repeatable, that the stated cost is correct, that the
    optimum on a Gaussian is the known one, and the KL on two datasets.

    Args:
        method: a method of `ebmark list` or of a plugin.
        plugin: Python files that define METHODS.
        network: FILE.py:FUNCTION, a function make(dim, key) that returns the energy of the KL.
        quick: skip the KL on two datasets, which requires a full training on each.
    """
    load_plugins(plugin, methods=[method], network=network)
    from ebmark.cli.terminal_tables import print_checks
    from ebmark.methods import METHODS
    from ebmark.system.threads import keep_compiled_programs
    from ebmark.training.checks import checks
    from ebmark.training.checks import quality as check_kl

    if method not in METHODS:
        raise unknown("method", method, METHODS)
    keep_compiled_programs()
    results = list(checks(method))
    if not quick:
        results += [
            check_kl(method, dataset, network_name(network))
            for dataset in ("eight_gaussians", "half_moons")
        ]
    print_checks(results, method)
    return 0 if all(result.passed for result in results) else 1
