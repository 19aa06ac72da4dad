"""Studies: their plan, one run, the driver that executes the plan, hyperparameter tuning.

May import everything but `report` and `cli`. One more built-in study is one entry of `builtin.py`;
one more kind of score is a stage in `scores.py`, called by `run.py`.
"""
