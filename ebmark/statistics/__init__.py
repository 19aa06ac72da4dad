"""What the seeds say: intervals, paired tests, ranks, profiles and budgets, out of the table."""

# ruff: noqa: I001
from ebmark.statistics._intervals import LEVEL as LEVEL, Summary as Summary, bca as bca
from ebmark.statistics._intervals import success as success, summary as summary
from ebmark.statistics._intervals import worst_if_diverged as worst_if_diverged
from ebmark.statistics._paired import SIGNIFICANT as SIGNIFICANT, Paired as Paired
from ebmark.statistics._paired import holm as holm, paired as paired
from ebmark.statistics._power import seeds_needed as seeds_needed
from ebmark.statistics._runs import ROLES as ROLES, Best as Best, best as best, final as final
from ebmark.statistics._runs import middle_seed as middle_seed, role as role
from ebmark.statistics._verdicts import Verdict as Verdict, reference as reference
from ebmark.statistics._verdicts import verdicts as verdicts
from ebmark.statistics._ranks import Ranks as Ranks, ranks as ranks
from ebmark.statistics._profiles import Profile as Profile, profiles as profiles
from ebmark.statistics._budgets import BUDGETS as BUDGETS, AtBudget as AtBudget
from ebmark.statistics._budgets import Curve as Curve, at_equal as at_equal, curve as curve
from ebmark.statistics._budgets import curves as curves
from ebmark.statistics._budgets import first_passage as first_passage, metric_of as metric_of
from ebmark.statistics._sources import Parts as Parts, parts as parts
