"""Networks and energies E(x): callable PyTrees from a point to a number.

May import `errors` only. A new energy is one file `_name.py` and one line here.
"""

from ebmark.energies._architecture import Network as Network
from ebmark.energies._architecture import new_energy as new_energy
from ebmark.energies._confinement import Confined as Confined
from ebmark.energies._confinement import Walled as Walled
from ebmark.energies._confinement import walled as walled
from ebmark.energies._networks import MLP as MLP
from ebmark.energies._networks import FourierMLP as FourierMLP
from ebmark.energies._quadratic import Quadratic as Quadratic
from ebmark.energies._quadratic import log_normaliser_of_gaussian as log_normaliser_of_gaussian
from ebmark.energies._transforms import Offset as Offset
from ebmark.energies._transforms import Standardised as Standardised
from ebmark.energies._transforms import frozen as frozen
from ebmark.energies._types import Energy as Energy
from ebmark.energies._types import Key as Key
from ebmark.energies._types import Point as Point
from ebmark.energies._types import State as State
