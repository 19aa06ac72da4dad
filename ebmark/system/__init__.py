"""Files, devices, threads and processes of the machine.

May import `errors`, and JAX in `devices.py` or inside functions. A new module is imported by its
own name (`from ebmark.system import threads`), so that a worker loads no more than it needs.
"""
