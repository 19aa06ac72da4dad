"""Statistics over seeds and datasets: intervals, paired tests, ranks, profiles, equal budgets.

May import `errors` only; takes tables of results (pandas) and arrays, and starts no JAX. A new
statistic is one file `_name.py` with one function, and one line here; test its level or coverage.
"""

from ebmark.statistics._agreement import Agreement as Agreement
from ebmark.statistics._agreement import agreement as agreement
from ebmark.statistics._budgets import BUDGETS as BUDGETS
from ebmark.statistics._budgets import AtBudget as AtBudget
from ebmark.statistics._budgets import Curve as Curve
from ebmark.statistics._budgets import at_equal_budget as at_equal_budget
from ebmark.statistics._budgets import curve as curve
from ebmark.statistics._budgets import curves as curves
from ebmark.statistics._budgets import metric_of as metric_of
from ebmark.statistics._budgets import time_to_target as time_to_target
from ebmark.statistics._comparisons import Comparison as Comparison
from ebmark.statistics._comparisons import compare_to_reference as compare_to_reference
from ebmark.statistics._comparisons import reference as reference
from ebmark.statistics._decomposition import ErrorSources as ErrorSources
from ebmark.statistics._decomposition import error_sources as error_sources
from ebmark.statistics._intervals import LEVEL as LEVEL
from ebmark.statistics._intervals import Summary as Summary
from ebmark.statistics._intervals import all_positive as all_positive
from ebmark.statistics._intervals import bca as bca
from ebmark.statistics._intervals import median_and_ends as median_and_ends
from ebmark.statistics._intervals import success as success
from ebmark.statistics._intervals import summary as summary
from ebmark.statistics._intervals import worst_if_diverged as worst_if_diverged
from ebmark.statistics._null import NullComparison as NullComparison
from ebmark.statistics._null import compare_to_null as compare_to_null
from ebmark.statistics._null import other_level as other_level
from ebmark.statistics._paired import SIGNIFICANT as SIGNIFICANT
from ebmark.statistics._paired import Paired as Paired
from ebmark.statistics._paired import fewest_seeds as fewest_seeds
from ebmark.statistics._paired import holm as holm
from ebmark.statistics._paired import paired as paired
from ebmark.statistics._power import seeds_needed as seeds_needed
from ebmark.statistics._profiles import Profile as Profile
from ebmark.statistics._profiles import profiles as profiles
from ebmark.statistics._ranks import Ranks as Ranks
from ebmark.statistics._ranks import rank as rank
from ebmark.statistics._ranks import ranks as ranks
from ebmark.statistics._runs import IN_EVERY_RUN as IN_EVERY_RUN
from ebmark.statistics._runs import ROLES as ROLES
from ebmark.statistics._runs import Best as Best
from ebmark.statistics._runs import best as best
from ebmark.statistics._runs import final_values as final_values
from ebmark.statistics._runs import median_seed as median_seed
from ebmark.statistics._runs import paired_by_seed as paired_by_seed
from ebmark.statistics._runs import role as role
from ebmark.statistics._sweeps import SweepPoint as SweepPoint
from ebmark.statistics._sweeps import sweep_points as sweep_points
from ebmark.statistics._sweeps import usable as usable
from ebmark.statistics._sweeps import without_axes as without_axes
