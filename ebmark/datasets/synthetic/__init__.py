"""Synthetic distributions with a known density, one family per file.

May import `energies` only.
To add one, write a file with a subclass of `AbstractDataset` and a line in `datasets/_registry.py`.
"""
