"""Cells in processes of this machine: one thread, one core, and one GPU if they are asked for."""

import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ebmark.engines._gpus import gpus, sees
from ebmark.engines._task import WorkerLost, as_task
from ebmark.system.threads import single

_TRIES = 3  # a cell whose worker dies this often has failed


class Processes:
    """`jobs` workers, which stay alive between cells; one that is killed is replaced.

    A thread of ours stands by each worker, hands it the next cell and waits for its answer. If the
    worker dies instead, a new one is started and given the same cell.
    """

    def __init__(self, folder: Path, runner: str, jobs: int):
        self._command = [sys.executable, "-m", "ebmark.engines.worker"]
        self._folder, self._arguments = folder, [str(folder.resolve()), runner]
        self._jobs, self._devices = jobs, gpus(os.environ)
        self._pool = ThreadPoolExecutor(jobs, initializer=self._arrive)
        self._numbers = itertools.count()
        self._mine = threading.local()
        self._workers: dict[int, subprocess.Popen] = {}
        self._lock, self._closed = threading.Lock(), False

    def submit(self, name: str, spec: dict) -> Future:
        return self._pool.submit(self._run, as_task(self._folder, name, spec))

    def close(self) -> None:
        with self._lock:  # from here on none is started
            self._closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers.values():
            worker.terminate()
        self._pool.shutdown(wait=True)
        for worker in self._workers.values():
            _reap(worker)

    def _arrive(self) -> None:
        self._mine.number = next(self._numbers)

    def _run(self, task: str) -> dict[str, Any]:
        ends = []
        while len(ends) < _TRIES:
            worker = self._worker()
            try:
                worker.stdin.write(task + "\n")
                worker.stdin.flush()
                answer = worker.stdout.readline()
            except OSError:  # it died before it read the task
                answer = ""
            if answer.endswith("\n"):
                return json.loads(answer)
            worker.kill()
            _reap(worker)
            ends.append(_words(worker.returncode))
        raise WorkerLost(f"its worker died each of {_TRIES} times ({', '.join(ends)})")

    def _worker(self) -> subprocess.Popen:
        """This thread's worker; a new one if it has none, or a dead one."""
        number = self._mine.number
        worker = self._workers.get(number)
        if worker is None or worker.poll() is not None:
            worker = self._workers[number] = self._start(number)
        return worker

    def _start(self, number: int) -> subprocess.Popen:
        with self._lock:
            if self._closed:
                raise WorkerLost("the run was stopped")
            # not the terminal's group: Ctrl-C reaches the driver, which then stops its workers
            return subprocess.Popen(
                [*self._command, *self._arguments, *map(str, (number, self._jobs, os.getpid()))],
                env=single(dict(os.environ)) | sees(number, self._jobs, self._devices, os.environ),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )


def _reap(worker: subprocess.Popen) -> None:
    worker.wait()
    for pipe in (worker.stdin, worker.stdout):
        with contextlib.suppress(OSError):  # what it had not read
            pipe.close()


def _words(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
