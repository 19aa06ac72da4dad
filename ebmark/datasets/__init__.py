"""Training data: distributions with a known density, and points of the user's files.

May import `errors`, `energies` and `system`.
To add a dataset, write a file in `synthetic/` and a line in `_registry.py`; `fitted` has those that
were fitted to real data.
"""

from ebmark.datasets._data_sources import DataSource as DataSource
from ebmark.datasets._data_sources import SyntheticDataset as SyntheticDataset
from ebmark.datasets._data_sources import UserDataset as UserDataset
from ebmark.datasets._data_sources import load_dataset as load_dataset
from ebmark.datasets._data_sources import load_source as load_source
from ebmark.datasets._data_sources import name_of as name_of
from ebmark.datasets._function_dataset import Dataset as Dataset
from ebmark.datasets._grid import Grid as Grid
from ebmark.datasets._local_scale import MIN_LOCAL_SCALE as MIN_LOCAL_SCALE
from ebmark.datasets._local_scale import default_step_size as default_step_size
from ebmark.datasets._local_scale import local_scale as local_scale
from ebmark.datasets._registry import DATASETS as DATASETS
from ebmark.datasets._twin import TWIN as TWIN
from ebmark.datasets._twin import FittedTwin as FittedTwin
from ebmark.datasets._twin import fit_twin as fit_twin
from ebmark.datasets._twin import mixture_dataset as mixture_dataset
from ebmark.datasets.fitted._mixture import FactorAnalyzers as FactorAnalyzers
from ebmark.datasets.fitted._targets import AbstractFitted as AbstractFitted
from ebmark.datasets.fitted._targets import FittedMixture as FittedMixture
from ebmark.datasets.fitted._targets import WarpedMixture as WarpedMixture
from ebmark.datasets.synthetic._banana import Banana as Banana
from ebmark.datasets.synthetic._base import AbstractDataset as AbstractDataset
from ebmark.datasets.synthetic._checkerboard import Checkerboard as Checkerboard
from ebmark.datasets.synthetic._funnel import Funnel as Funnel
from ebmark.datasets.synthetic._gaussians import AbstractGaussianMixture as AbstractGaussianMixture
from ebmark.datasets.synthetic._gaussians import GaussianGrid as GaussianGrid
from ebmark.datasets.synthetic._gaussians import GaussianRing as GaussianRing
from ebmark.datasets.synthetic._gaussians import GaussiansInSquare as GaussiansInSquare
from ebmark.datasets.synthetic._gaussians import GaussiansOnSphere as GaussiansOnSphere
from ebmark.datasets.synthetic._moons import HalfMoons as HalfMoons
from ebmark.datasets.synthetic._pinwheel import Pinwheel as Pinwheel
from ebmark.datasets.synthetic._rings import Rings as Rings
from ebmark.datasets.synthetic._spirals import SwissRoll as SwissRoll
from ebmark.datasets.synthetic._spirals import TwoSpirals as TwoSpirals
from ebmark.datasets.synthetic._wells import ManyWell as ManyWell
