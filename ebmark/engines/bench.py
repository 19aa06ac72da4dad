"""What an engine costs: cells per second, and operations on files per cell.

    python -m ebmark.engines.bench rate --engine processes --jobs 8 --cells 80 --seconds 1
    python -m ebmark.engines.bench files --cells 8     # of real cells; needs strace

The cells of `rate` sleep, then leave as many files as a real one. docs/scaling.md has the results.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import tyro

from ebmark.engines import new_engine
from ebmark.system.writing import write_whole

_KINDS = {  # system calls by what they ask of a file system
    "make or remove a name": {"mkdir", "mkdirat", "rename", "renameat", "renameat2", "unlink"}
    | {"unlinkat", "rmdir", "link", "linkat"},
    "open": {"open", "openat"},
    "look": {"stat", "lstat", "newfstatat", "statx", "access", "faccessat2", "readlink", "fstat"}
    | {"getdents64", "readlinkat"},
    "flush": {"fsync", "fdatasync"},
    "lock or touch": {"flock", "utimensat", "fcntl"},
    "read or write": {"read", "write", "pread64", "pwrite64", "lseek"},
}


def sleep(folder: Path, name: str, spec: dict, tell) -> None:
    """A cell that computes nothing."""
    del tell
    time.sleep(spec["seconds"])
    making = folder / "runs" / f".making-{name}"
    making.mkdir()
    for file in ("energy.ebm", "samples.npz", "spec.json", "result.json"):
        write_whole(making / file, "{}")
    os.replace(making, folder / "runs" / name)


def rate(
    engine: str = "processes",
    site: str = "laptop",
    jobs: int = 8,
    cells: int = 80,
    seconds: float = 1.0,
) -> None:
    """Cells per second, from the first one's end to the last one's; a warm-up for each worker.

    Args:
        engine: processes, inline or parsl.
        site: of the engine parsl; its workers should be `jobs`.
        jobs: workers.
        cells: how many.
        seconds: that a cell sleeps.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "runs").mkdir()
        runs = new_engine(engine, folder, jobs=jobs, site=site, runner="ebmark.engines.bench:sleep")
        try:
            began = time.perf_counter()
            first = [runs.submit(f"first{i}", {"seconds": 1.0}) for i in range(jobs)]
            pids = {future.result()["pid"] for future in first}
            start, cpu = time.perf_counter() - began - 1.0, time.process_time()
            began = time.perf_counter()
            futures = [runs.submit(f"cell{i}", {"seconds": seconds}) for i in range(cells)]
            submitted = time.perf_counter() - began
            assert all(future.result()["status"] == "done" for future in futures)
            took, cpu = time.perf_counter() - began, time.process_time() - cpu
        finally:
            runs.close()
    ideal = f", {jobs / seconds:.1f} without any cost" if seconds else ""
    print(f"{engine}: {cells} cells of {seconds:g} s on {len(pids)} workers: {took:.2f} s")
    print(f"{cells / took:.1f} cells a second{ideal}; the workers' start {start:.1f} s")
    each = f"{1e3 * submitted / cells:.2f} ms to submit a cell, {1e3 * cpu / cells:.2f} ms of CPU"
    print(f"the command: {each} for it in all")


def files(cells: int = 8) -> None:
    """Operations on files, counted by strace: of a cell in the study's folder, of a worker's start.

    Args:
        cells: real ones, of the study `smoke` by NCE.
    """
    if shutil.which("strace") is None:
        sys.exit("bench: needs strace (Debian: apt install strace)")
    with tempfile.TemporaryDirectory() as name:
        log, out = Path(name) / "log", Path(name) / "study"
        study = ["-m", "ebmark", "run", "smoke", "--engine", "processes", "--jobs", "1"]
        study += ["--methods", "nce", "--datasets", "half_moons", "--seeds", str(cells)]
        trace = ["strace", "-f", "-y", "-s", "0", "-o", str(log)]
        command = [*trace, sys.executable, *study, "--out", str(out), "--no-progress-bar"]
        subprocess.run(command, check=True, capture_output=True)
        lines = log.read_text(errors="replace").splitlines()
        names = [path.name for path in (out / "runs").iterdir() if path.is_dir()]
    worker = _worker(lines)
    of_worker = [line for line in lines if line.split(None, 1)[0] == worker]
    print(f"the worker's, on the study's folder, per cell ({len(names)} cells):")
    _print(of_worker, len(names), lambda line: str(out) in line)
    print("the worker's, on anything but the study's and the system's, once:")
    elsewhere = re.compile(r'"/(?!proc/|sys/|dev/|etc/)')
    _print(of_worker, 1, lambda line: elsewhere.search(line) and str(out) not in line)
    driver = [line for line in lines if line.split(None, 1)[0] == lines[0].split(None, 1)[0]]
    print("the command's, on the study's cells, per cell:")
    _print(driver, len(names), lambda line: f"{out}/runs/" in line)


def _worker(lines: list[str]) -> str:
    """The process whose first cell was claimed."""
    return next(line.split(None, 1)[0] for line in lines if ".lock" in line and "O_CREAT" in line)


def _print(lines: list[str], cells: int, counts) -> None:
    found: collections.Counter = collections.Counter()
    for line in lines:
        called = re.match(r"\d+\s+(\w+)\(", line)
        if called and counts(line):
            kind = next(
                (kind for kind, calls in _KINDS.items() if called[1] in calls), "close and others"
            )
            found[kind] += 1
    for kind in (*_KINDS, "close and others"):
        if found[kind]:
            print(f"  {kind:22} {found[kind] / cells:8.1f}")
    print(f"  {'all':22} {sum(found.values()) / cells:8.1f}")


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"rate": rate, "files": files})
