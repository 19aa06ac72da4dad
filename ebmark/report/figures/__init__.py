"""Figures of a study: numbers of the table, or saved arrays -> a matplotlib Figure.

May import `statistics`, never JAX. A new figure is one file: a function that selects numbers, and
one with `@styled` that only draws them.
"""

from ebmark.report.figures._comparisons import critical_difference as critical_difference
from ebmark.report.figures._comparisons import profile as profile
from ebmark.report.figures._cost import cost as cost
from ebmark.report.figures._densities import landscapes as landscapes
from ebmark.report.figures._densities import samples as samples
from ebmark.report.figures._densities import trajectories as trajectories
from ebmark.report.figures._dots import dots as dots
from ebmark.report.figures._error_sources import error_sources as error_sources
from ebmark.report.figures._formula import formula as formula
from ebmark.report.figures._kl_decomposition import kl_decomposition as kl_decomposition
from ebmark.report.figures._kl_decomposition import select_kl_parts as select_kl_parts
from ebmark.report.figures._many_columns import picture_side as picture_side
from ebmark.report.figures._panels import Panel as Panel
from ebmark.report.figures._style import png as png
from ebmark.report.figures._style import svg as svg
from ebmark.report.figures._style import webp as webp
from ebmark.report.figures._sweeps import sweep as sweep
from ebmark.report.figures._sweeps import sweep_map as sweep_map
from ebmark.report.figures._w1 import select_w1 as select_w1
from ebmark.report.figures._w1 import w1_by_sampler as w1_by_sampler
