"""Figures: the table or saved arrays -> a matplotlib Figure. No model code, no global state."""

from ebmark.report.figures._charts import anatomy as anatomy
from ebmark.report.figures._charts import errors as errors
from ebmark.report.figures._comparisons import critical as critical
from ebmark.report.figures._comparisons import profile as profile
from ebmark.report.figures._cost import cost as cost
from ebmark.report.figures._decomposition import sources as sources
from ebmark.report.figures._densities import landscapes as landscapes
from ebmark.report.figures._densities import samples as samples
from ebmark.report.figures._densities import trajectories as trajectories
from ebmark.report.figures._formula import formula as formula
from ebmark.report.figures._panels import Panel as Panel
from ebmark.report.figures._style import PARTS as PARTS
from ebmark.report.figures._style import colours as colours
from ebmark.report.figures._style import png as png
from ebmark.report.figures._style import svg as svg
from ebmark.report.figures._style import webp as webp
from ebmark.report.figures._sweeps import sweep as sweep
from ebmark.report.figures._sweeps import sweep_map as sweep_map
