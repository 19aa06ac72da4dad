"""Energy functions of users, written with any framework: NumPy points in, energies out."""

from pathlib import Path

from ebmark.errors import UserError, shown
from ebmark.metrics.own_energy import CheckedEnergy, checked_energy
from ebmark.studies.plugins import read_file, run_file
from ebmark.system import user_code


def load_energy(where: str, dim: int) -> CheckedEnergy:
    """Load an energy function and call it once.

    Args:
        where: FILE.py:FUNCTION. The function maps points (n, dim), in data units, to energies
            (n,) up to a constant: p(x) is proportional to exp(-E(x)).
        dim: the dimension of the points.

    Returns:
        The function, which raises UserError if it fails or returns anything but n energies.

    Raises:
        UserError: if there is no such function, or its first call fails.
    """
    file, colon, name = where.rpartition(":")
    if not colon or not file or not name.isidentifier():
        raise UserError(f"--energy must be FILE.py:FUNCTION, not '{shown(where)}'.")
    path = Path(file)
    user_code.name_files((path,))
    function = getattr(run_file(read_file(path), path), name, None)
    if not callable(function):
        raise UserError(f"{file}: defines no function '{name}'.")

    return checked_energy(function, where, dim)
