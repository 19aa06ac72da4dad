"""Synthetic distributions of known density, one family a file.

May import `energies`. A new distribution is one file with `sample`, `log_components`, `moments`,
and one line in `datasets/_registry.py`.
"""
