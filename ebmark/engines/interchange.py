"""Parsl's interchange, which distributes the runs, as a process that ends with the command.

    python -P -m ebmark.engines.interchange

Otherwise it would outlive a killed command, and so would the jobs on the nodes. Without it the
nodes receive no heartbeat, and their jobs end.
"""

import os
import runpy

from ebmark.engines._task import die_with

if __name__ == "__main__":
    # in a session of its own, so that Ctrl-C reaches the command only, which then ends this process
    os.setsid()
    die_with(os.getppid())
    runpy.run_module("parsl.executors.high_throughput.interchange", run_name="__main__")
