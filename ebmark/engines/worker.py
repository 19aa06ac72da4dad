"""A worker of the engine `processes`: it runs the cells that it is given, one after another.

    python -m ebmark.engines.worker FOLDER RUNNER NUMBER OF PARENT

A cell is a line of JSON on its standard input, how it went a line on its standard output.
"""

import json
import os
import sys

from ebmark.engines._task import die_with, run_task
from ebmark.system import threads


def main() -> int:
    folder, runner, number, of, parent = sys.argv[1:]
    threads.pin(int(number), int(of))
    die_with(int(parent))
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the cells print is no answer
    for line in sys.stdin:
        result = run_task(folder, runner, line)
        answers.write(json.dumps(result) + "\n")
        answers.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main())
