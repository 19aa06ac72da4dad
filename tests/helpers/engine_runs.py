"""Runs that train nothing, for the tests of engines: a worker imports these functions by name."""

import os
import signal
import time

from ebmark.system.writing import write_json

VARIABLES = ("NPROC", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "SET_UP")


def sleeps(folder, name, spec, report_progress):
    """Sleep, then write a result; the process id of each execution is appended to NAME.runs."""
    with open(folder / f"{name}.runs", "a") as file:
        file.write(f"{os.getpid()}\n")
    report_progress("sleeping", 0.5)
    time.sleep(spec["seconds"])
    (folder / "runs" / name).mkdir()
    environment = {key: os.environ.get(key) for key in VARIABLES}
    result = {"status": "done", "spec": spec, "environment": environment, "pid": os.getpid()}
    write_json(folder / "runs" / name / "result.json", result)


def prints(folder, name, spec, report_progress):
    """Print to standard output, to which the worker writes its results."""
    print("a run that prints", flush=True)
    os.system("echo a child of the run prints as well")
    sleeps(folder, name, spec, report_progress)


def fails(folder, name, spec, report_progress):
    """Raise an error."""
    raise ValueError(f"no run like {name}")


def dies(folder, name, spec, report_progress):
    """Kill the worker, as the system does if memory is exhausted."""
    os.kill(os.getpid(), signal.SIGKILL)
