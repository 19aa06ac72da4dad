"""What a study is: its plan, one run, the driver that runs the plan, hyperparameter tuning.

May import everything but `report` and `cli`. A built-in study is one entry of `builtin.py`.
"""
