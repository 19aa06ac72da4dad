"""Hyperparameter search with equal budgets, on seeds that no study reports.

May import what `studies` may. What is searched of a method is in `training/search_spaces.py`.
"""
