"""Arrays of points, tables, and maps between data units and the standardized units of the network.

May import `energies` and `system`.
`frames` and `table`, which need pandas, are imported by their own names.
To add a map, write one file with a class that has the methods of `Standardizer`.
"""

from ebmark.datasets.preprocessing._points import as_points as as_points
from ebmark.datasets.preprocessing._robust import RobustStandardizer as RobustStandardizer
from ebmark.datasets.preprocessing._standardize import Standardizer as Standardizer
from ebmark.datasets.preprocessing._standardize import column_std as column_std
from ebmark.datasets.preprocessing._units import Units as Units
from ebmark.datasets.preprocessing._units import as_float32 as as_float32
from ebmark.datasets.preprocessing._units import fit_units as fit_units
from ebmark.datasets.preprocessing._whiten import Whitener as Whitener
