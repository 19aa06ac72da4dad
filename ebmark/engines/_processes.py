"""Runs in processes of this machine, each with one thread, one core, and one GPU if requested."""

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

from ebmark.engines._gpus import device_variables, list_gpus
from ebmark.engines._task import WorkerLost, as_task
from ebmark.system.threads import single

_MAX_TRIES = 3  # a run whose workers died this often has failed


class _Worker:
    """A worker process, to which runs are written and from which results are read, line by line."""

    def __init__(self, command: list[str], environment: dict[str, str]):
        # in a session of its own, so that Ctrl-C reaches the command only, which ends its workers
        self.process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._input = self.process.stdin
        self._output = self.process.stdout

    def execute(self, task: str) -> dict[str, Any] | None:
        """Return the result of the task, or None if the process died."""
        try:
            self._input.write(task + "\n")
            self._input.flush()
            line = self._output.readline()
        # it died before it read the task
        except OSError:
            return None
        return json.loads(line) if line.endswith("\n") else None

    def reap(self) -> str:
        """Wait for the end of the process, close its pipes, and return how it ended."""
        status = self.process.wait()
        for pipe in (self._input, self._output):
            # the input may contain a task that was not read
            with contextlib.suppress(OSError):
                pipe.close()
        return f"signal {-status}" if status < 0 else f"exit status {status}"


class Processes:
    """A pool of worker processes, which execute one run after another and are replaced if killed.

    A thread of this process serves each worker: it sends the next run and waits for its result. If
    the worker dies, a new one is started and executes the same run.
    """

    def __init__(self, folder: Path, runner: str, jobs: int):
        self._folder = folder
        self._command = [sys.executable, "-P", "-m", "ebmark.engines.worker"]
        self._command += [str(folder.resolve()), runner]
        self._num_workers = jobs
        self._gpus = list_gpus(os.environ)
        self._pool = ThreadPoolExecutor(jobs, initializer=self._number_thread)
        self._indices = itertools.count()
        self._thread = threading.local()
        self._workers: dict[int, _Worker] = {}
        self._lock = threading.Lock()
        self._is_closed = False

    def submit(self, name: str, spec: dict) -> Future[dict[str, Any]]:
        return self._pool.submit(self._execute, as_task(self._folder, name, spec))

    def close(self) -> None:
        # from here on no worker is started
        with self._lock:
            self._is_closed = True
        self._pool.shutdown(wait=False, cancel_futures=True)
        for worker in self._workers.values():
            worker.process.terminate()
        self._pool.shutdown(wait=True)
        for worker in self._workers.values():
            worker.reap()

    def _number_thread(self) -> None:
        self._thread.index = next(self._indices)

    def _execute(self, task: str) -> dict[str, Any]:
        deaths = []
        while len(deaths) < _MAX_TRIES:
            worker = self._live_worker(self._thread.index)
            result = worker.execute(task)
            if result is not None:
                return result
            worker.process.kill()
            deaths.append(worker.reap())
        raise WorkerLost(f"all {_MAX_TRIES} workers of the run died ({', '.join(deaths)})")

    def _live_worker(self, index: int) -> _Worker:
        """Return the worker of this thread; a new one if it has none, or a dead one."""
        worker = self._workers.get(index)
        if worker is None or worker.process.poll() is not None:
            worker = self._start(index)
        return worker

    def _start(self, index: int) -> _Worker:
        arguments = [str(number) for number in (index, self._num_workers, os.getpid())]
        devices = device_variables(index, self._num_workers, self._gpus, os.environ)
        environment = single({**os.environ, **devices})
        with self._lock:
            if self._is_closed:
                raise WorkerLost("the engine was closed")
            worker = _Worker([*self._command, *arguments], environment)
            # under the lock, so that close ends it
            self._workers[index] = worker
            return worker
