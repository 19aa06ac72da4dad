"""Measure the cost of an engine: runs per second, and file system operations per run.

    python -m ebmark.engines.bench rate --engine processes --jobs 8 --runs 80 --seconds 1
    python -m ebmark.engines.bench files --runs 8     # of benchmark runs; needs strace

The runs of `rate` sleep, then write as many files as a benchmark run. The results
are in docs/engines/scaling.md.
"""

import collections
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import tyro

from ebmark.engines import new_engine
from ebmark.engines._task import ReportProgress
from ebmark.system.writing import write_whole

_OTHERS = "close and others"
# system calls by what they request of a file system
_CALLS = {
    "create or remove a name": {
        *("mkdir", "mkdirat", "rename", "renameat", "renameat2"),
        *("unlink", "unlinkat", "rmdir", "link", "linkat"),
    },
    "open": {"open", "openat"},
    "stat": {
        *("stat", "lstat", "newfstatat", "statx", "fstat", "access", "faccessat2"),
        *("readlink", "readlinkat", "getdents64"),
    },
    "flush": {"fsync", "fdatasync"},
    "lock or touch": {"flock", "utimensat", "fcntl"},
    "read or write": {"read", "write", "pread64", "pwrite64", "lseek"},
}


def sleep(folder: Path, name: str, spec: dict, report_progress: ReportProgress) -> None:
    """Execute a run that computes nothing: sleep for `spec["seconds"]`, then write its files."""
    del report_progress
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
    runs: int = 80,
    seconds: float = 1.0,
) -> None:
    """Print the runs per second, after one run per worker as a warm-up.

    Args:
        engine: processes, inline or parsl.
        site: the site of the engine parsl; the number of its workers should be `jobs`.
        jobs: the number of workers.
        runs: the number of runs.
        seconds: the time that a run sleeps.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "runs").mkdir()
        pool = new_engine(engine, folder, jobs=jobs, site=site, runner="ebmark.engines.bench:sleep")
        try:
            start = time.perf_counter()
            first = [pool.submit(f"first{i}", {"seconds": 1.0}) for i in range(jobs)]
            pids = {future.result()["pid"] for future in first}
            start_seconds = time.perf_counter() - start - 1.0
            cpu_start = time.process_time()
            start = time.perf_counter()
            futures = [pool.submit(f"run{i}", {"seconds": seconds}) for i in range(runs)]
            submit_seconds = time.perf_counter() - start
            assert all(future.result()["status"] == "done" for future in futures)
            total_seconds = time.perf_counter() - start
            cpu_seconds = time.process_time() - cpu_start
        finally:
            pool.close()
    ideal = f" (at most {jobs / seconds:.1f})" if seconds else ""
    print(f"{engine}: {runs} runs of {seconds:g} s on {len(pids)} workers: {total_seconds:.2f} s")
    print(f"{runs / total_seconds:.1f} runs per second{ideal}")
    print(f"start of the workers: {start_seconds:.1f} s")
    print(
        f"the command, per run: {1e3 * submit_seconds / runs:.2f} ms to submit it, "
        f"{1e3 * cpu_seconds / runs:.2f} ms of CPU time in total"
    )


def files(runs: int = 8) -> None:
    """Print the number of file system operations, counted by strace, per run and per worker.

    Args:
        runs: the number of benchmark runs, of the study `smoke` with NCE.
    """
    if shutil.which("strace") is None:
        sys.exit("bench: requires strace (Debian: apt install strace).")
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log"
        out = Path(name) / "study"
        command = ["strace", "-f", "-y", "-s", "0", "-o", str(log), sys.executable, "-m", "ebmark"]
        command += ["run", "smoke", "--engine", "processes", "--jobs", "1", "--methods", "nce"]
        command += ["--datasets", "half_moons", "--seeds", str(runs), "--out", str(out)]
        subprocess.run([*command, "--no-progress-bar"], check=True, capture_output=True)
        lines = log.read_text(errors="replace").splitlines()
        num_runs = sum(path.is_dir() for path in (out / "runs").iterdir())
    # the worker is the first process that creates a lock
    first_lock = next(line for line in lines if ".lock" in line and "O_CREAT" in line)
    of_worker = [line for line in lines if _pid(line) == _pid(first_lock)]
    of_command = [line for line in lines if _pid(line) == _pid(lines[0])]
    print(f"operations of the worker in the folder of the study, per run ({num_runs} runs):")
    _print_counts(of_worker, num_runs, lambda line: str(out) in line)
    print("operations of the worker outside the study and the system, once:")
    elsewhere = re.compile(r'"/(?!proc/|sys/|dev/|etc/)')
    _print_counts(of_worker, 1, lambda line: bool(elsewhere.search(line)) and str(out) not in line)
    print("operations of the command on the runs of the study, per run:")
    _print_counts(of_command, num_runs, lambda line: f"{out}/runs/" in line)


def _pid(line: str) -> str:
    """Return the process id at the beginning of a line of strace."""
    return line.split(None, 1)[0]


def _print_counts(lines: list[str], divisor: int, is_counted: Callable[[str], bool]) -> None:
    """Print the number of system calls of each kind, divided by the divisor."""
    counts: collections.Counter[str] = collections.Counter()
    for line in lines:
        match = re.match(r"\d+\s+(\w+)\(", line)
        if match and is_counted(line):
            kinds = (kind for kind, calls in _CALLS.items() if match[1] in calls)
            counts[next(kinds, _OTHERS)] += 1
    for kind in (*_CALLS, _OTHERS):
        if counts[kind]:
            print(f"  {kind:24} {counts[kind] / divisor:8.1f}")
    print(f"  {'total':24} {counts.total() / divisor:8.1f}")


if __name__ == "__main__":
    tyro.extras.subcommand_cli_from_dict({"rate": rate, "files": files})
