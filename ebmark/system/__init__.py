"""The machine: files, devices, threads, processes.

May import `errors` only, and JAX in `devices.py` only. A new module is imported by its own name
(`from ebmark.system import threads`), so that a worker loads no more than it needs.
"""
