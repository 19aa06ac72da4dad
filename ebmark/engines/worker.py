"""A worker of the engine `processes`, which executes runs one after another.

    python -P -m ebmark.engines.worker FOLDER RUNNER INDEX NUM_WORKERS PARENT

A run is one line of JSON on its standard input; its result is one line on its standard output.
"""

import json
import os
import sys

from ebmark.engines._task import die_with, run_task
from ebmark.system import flags, streams, threads


def main() -> int:
    """Execute the runs from standard input until it ends."""
    folder, runner, index, num_workers, parent = sys.argv[1:]
    threads.pin(int(index), int(num_workers))
    die_with(int(parent))
    flags.pin_flags()
    streams.prepare()
    results = os.fdopen(os.dup(1), "w")
    # what runs print must not mix with the results
    os.dup2(2, 1)
    for task in sys.stdin:
        result = run_task(folder, runner, task)
        results.write(json.dumps(result) + "\n")
        results.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
