"""Invertible maps from data units to the units a network is trained in.

May import `energies` and `system`. A new map is one file with the methods of `Standardizer`.
"""

from ebmark.datasets.preprocessing._standardize import Standardizer as Standardizer
