"""Networks and energies E(x): callable PyTrees that map a point to a scalar.

May import `errors` only.
To add an energy, write one file `_name.py` with a subclass of `eqx.Module` and one line here.
"""

from ebmark.energies._architecture import Network as Network
from ebmark.energies._architecture import new_energy as new_energy
from ebmark.energies._confinement import Confined as Confined
from ebmark.energies._confinement import SoftWall as SoftWall
from ebmark.energies._confinement import add_walls as add_walls
from ebmark.energies._mixture_fit import Mixture as Mixture
from ebmark.energies._mixture_fit import Moments as Moments
from ebmark.energies._networks import MLP as MLP
from ebmark.energies._networks import FourierMLP as FourierMLP
from ebmark.energies._own_network import NETWORKS as NETWORKS
from ebmark.energies._own_network import MakeEnergy as MakeEnergy
from ebmark.energies._own_network import as_maker as as_maker
from ebmark.energies._own_network import check_energy as check_energy
from ebmark.energies._own_network import energy as energy
from ebmark.energies._quadratic import Quadratic as Quadratic
from ebmark.energies._quadratic import gaussian_log_z as gaussian_log_z
from ebmark.energies._residual import ResidualEnergy as ResidualEnergy
from ebmark.energies._tilted import MixtureDensity as MixtureDensity
from ebmark.energies._tilted import TiltedEnergy as TiltedEnergy
from ebmark.energies._transforms import Offset as Offset
from ebmark.energies._transforms import StandardizedEnergy as StandardizedEnergy
from ebmark.energies._transforms import cast_like as cast_like
from ebmark.energies._transforms import cast_to_energy as cast_to_energy
from ebmark.energies._transforms import stop_gradient as stop_gradient
from ebmark.energies._types import Energy as Energy
from ebmark.energies._types import Key as Key
from ebmark.energies._types import Point as Point
from ebmark.energies._types import State as State
