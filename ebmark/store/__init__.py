"""The folder of a study: its schema, locks on runs, results table and status.

May import `system` only, and never JAX. A new stored file gets its types in `schema.py` and its
place in `folder.py`.
"""
