"""Parsl's interchange, which hands out the cells, as a process that ends when we do.

    python -m ebmark.engines.interchange

On its own it would outlive a killed run, and with it the jobs on the nodes. Without it the nodes
hear nothing, and their jobs end by themselves.
"""

import os
import runpy

from ebmark.engines._task import die_with

if __name__ == "__main__":
    os.setsid()  # not the terminal's group: Ctrl-C reaches the run, which then ends this
    die_with(os.getppid())
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")
