"""Figures: the table or saved arrays -> a matplotlib Figure. No model code, no global state."""

# ruff: noqa: I001
from ebmark.figures._charts import anatomy as anatomy, errors as errors
from ebmark.figures._comparisons import critical as critical, profile as profile
from ebmark.figures._cost import cost as cost
from ebmark.figures._formula import formula as formula
from ebmark.figures._panes import Panel as Panel
from ebmark.figures._planes import landscapes as landscapes, samples as samples
from ebmark.figures._planes import trajectories as trajectories
from ebmark.figures._sources import sources as sources
from ebmark.figures._sweeps import sweep as sweep, sweep_map as sweep_map
from ebmark.figures._style import (
    PARTS as PARTS,
    colours as colours,
    png as png,
    svg as svg,
    webp as webp,
)
