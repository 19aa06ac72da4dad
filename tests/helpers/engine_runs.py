"""Cells that train nothing, for the tests of engines: a worker imports them by name."""

import json
import os
import signal
import time

SEEN = ("NPROC", "OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "SET_UP")


def sleeps(folder, name, spec, tell):
    """Be busy for a while, then leave a result; how often it was run is written beside it."""
    with open(folder / f"{name}.runs", "a") as file:
        file.write(f"{os.getpid()}\n")
    tell("sleeping", 0.5)
    time.sleep(spec["seconds"])
    (folder / "runs" / name).mkdir()
    environment = {key: os.environ.get(key) for key in SEEN}
    result = {"status": "done", "spec": spec, "environment": environment, "pid": os.getpid()}
    (folder / "runs" / name / "result.json").write_text(json.dumps(result))


def prints(folder, name, spec, tell):
    """Say things where the answers go."""
    print("a cell that talks", flush=True)
    os.system("echo and what it starts talks too")
    sleeps(folder, name, spec, tell)


def fails(folder, name, spec, tell):
    """Raise an error."""
    raise ValueError(f"no cell like {name}")


def dies(folder, name, spec, tell):
    """End the worker, as a kill for memory does."""
    os.kill(os.getpid(), signal.SIGKILL)
