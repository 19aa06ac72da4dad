"""Hyperparameter search with equal budgets, on seeds that no study reports.

May import what `studies` may. To tune one more method, add its search space to
`ebmark/training/search_spaces.py`.
"""
