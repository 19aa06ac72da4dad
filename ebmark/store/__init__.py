"""A study's folder: its schema, locks on runs, results table and status.

May import `system` only, never JAX. A new stored file gets its schema in `schema.py` and its
place in `folder.py`.
"""
