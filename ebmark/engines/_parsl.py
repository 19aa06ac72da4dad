"""Cells on the nodes of a cluster, by Parsl: its executor keeps workers there between cells."""

import importlib.util
import os
import shlex
import socket
import sys
import threading
import warnings
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ebmark.engines._sites import Site
from ebmark.engines._task import EngineLost, WorkerLost, as_task, run_in_pool
from ebmark.errors import UserError
from ebmark.system.threads import cache_folder

_TRIES_OF_NODES = 4  # a node that is lost costs a cell this part of a try: walltimes end
_HOPELESS = 3  # jobs that failed before any worker ran a cell


class Parsl:
    """Workers of Parsl's HighThroughputExecutor, in jobs that it submits, cancels and replaces."""

    def __init__(self, folder: Path, runner: str, site: Site):
        if importlib.util.find_spec("parsl") is None:
            raise UserError('the engine parsl needs the package parsl: pip install "ebmark[parsl]"')
        if any(character.isspace() for character in str(folder.resolve())):
            raise UserError(f"{folder}: Parsl cannot work below a folder with a space in its name")
        self._folder, self._runner, self._site = folder.resolve(), runner, site
        self._addresses = _addresses(site)
        self._kernel: Any = None
        self._answered, self._trouble = threading.Event(), ""

    def submit(self, name: str, spec: dict) -> Future:
        if self._kernel is None:
            self._kernel = _kernel(self._folder, self._site, self._addresses, self._watch)
        arguments = (str(self._folder), self._runner, as_task(self._folder, name, spec))
        ours: Future = Future()
        theirs = self._kernel.submit(
            run_in_pool,
            app_args=arguments,
            app_kwargs={},
            executors=["nodes"],
            cache=False,
            ignore_for_cache=[],
        )
        theirs.add_done_callback(lambda theirs: self._pass_on(theirs, ours))
        return ours

    def close(self) -> None:
        if self._kernel is not None:
            self._kernel.cleanup()
            self._kernel = None

    def _pass_on(self, theirs: Future, ours: Future) -> None:
        error = theirs.exception()
        if error is None:
            self._answered.set()
            ours.set_result(theirs.result())
        elif self._trouble:
            ours.set_exception(EngineLost(self._trouble))
        else:
            ours.set_exception(WorkerLost(f"{type(error).__name__}: {error}"))

    def _watch(self, executor: Any, status: dict[str, Any]) -> None:
        """Give up where jobs fail and none has run a cell; those that end later are replaced."""
        failed = [job for job in status.values() if job.state.name in ("FAILED", "MISSING")]
        if self._answered.is_set() or len(failed) < max(_HOPELESS, self._site.blocks):
            return
        words = [job.message or job.stderr_summary or job.stdout_summary for job in failed]
        last = " ".join(next((w for w in reversed(words) if w), "no word of why").split())
        self._trouble = f"{len(failed)} jobs failed before any ran a cell; the last said: {last}"
        executor.set_bad_state_and_fail_all(EngineLost(self._trouble))


def _kernel(folder: Path, site: Site, addresses: set[str], watch: Any) -> Any:
    """Parsl, started: its own process beside ours, and the first jobs submitted."""
    from parsl.config import Config
    from parsl.dataflow.dflow import DataFlowKernel
    from parsl.executors import HighThroughputExecutor

    # it forks to call the scheduler's commands, and the child does nothing but become one of them
    warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
    return DataFlowKernel(
        Config(
            executors=[_executor(HighThroughputExecutor, site, addresses, watch)],
            run_dir=str(folder / "parsl"),
            retries=2,
            retry_handler=_cost,
            usage_tracking=0,
            initialize_logging=False,
        )
    )


def _executor(kind: Any, site: Site, addresses: set[str], watch: Any) -> Any:
    from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD

    pool = f"{site.python or sys.executable} -m parsl.executors.high_throughput.process_worker_pool"
    made = kind(
        label="nodes",
        provider=_provider(site),
        address=min(addresses),  # without one Parsl asks a web service what ours is
        max_workers_per_node=site.workers
        or (_cores() if site.scheduler == "local" else site.cores),
        cores_per_worker=1e-3 if site.workers else 1.0,  # a number of workers that is given holds
        available_accelerators=site.accelerators,
        cpu_affinity=site.affinity,
        heartbeat_period=max(5, site.lost_after // 4),
        heartbeat_threshold=site.lost_after,
        block_error_handler=watch,
        launch_cmd=DEFAULT_LAUNCH_CMD.replace("process_worker_pool.py", pool),
        interchange_launch_cmd=[sys.executable, "-m", "ebmark.engines.interchange"],
    )
    if len(addresses) > 1:  # listen on all networks; the nodes try each
        made.address, made.all_addresses = None, addresses
    return made


def _provider(site: Site) -> Any:
    from parsl.providers import LocalProvider, PBSProProvider, SlurmProvider

    common: dict[str, Any] = {
        "nodes_per_block": site.nodes,
        "init_blocks": 1,
        "min_blocks": 0,
        "max_blocks": site.blocks,
        "launcher": _launcher(site),
        "worker_init": "\n".join(
            [*site.setup, f"export EBMARK_CACHE={shlex.quote(str(cache_folder()))}"]
        ),
        "cmd_timeout": 120,
    }
    if site.scheduler == "local":
        return LocalProvider(**common)
    common |= {
        "account": site.account or None,
        "walltime": site.walltime,
        "scheduler_options": "\n".join(site.directives),
    }
    if site.scheduler == "slurm":
        return SlurmProvider(
            **common,
            partition=site.queue or None,
            qos=site.qos or None,
            constraint=site.constraint or None,
            exclusive=site.exclusive,
            cores_per_node=site.cores,
        )
    return PBSProProvider(
        **common, queue=site.queue or None, select_options=site.select, cpus_per_node=site.cores
    )


def _launcher(site: Site) -> Any:
    from parsl.launchers import MpiExecLauncher, SingleNodeLauncher, SrunLauncher

    if site.launcher == "srun":
        return SrunLauncher(overrides=site.launcher_options)
    if site.launcher == "mpiexec":
        return MpiExecLauncher(bind_cmd="--cpu-bind", overrides=site.launcher_options)
    return SingleNodeLauncher()


def _cost(error: Exception, record: Any) -> float:
    """What a death costs a cell, in tries: a node that went away is seldom the cell's fault."""
    del record
    return 1 / _TRIES_OF_NODES if type(error).__name__ == "ManagerLost" else 1


def _addresses(site: Site) -> set[str]:
    """Where the nodes may find us: on the site's network, or on any of ours."""
    import psutil

    if site.scheduler == "local":
        return {"127.0.0.1"}
    found = {
        name: {one.address for one in each if one.family == socket.AF_INET}
        for name, each in psutil.net_if_addrs().items()
    }
    if site.interface and not found.get(site.interface):
        networks = ", ".join(sorted(name for name in found if found[name]))
        raise UserError(
            f'interface = "{site.interface}" of the site is no network of this machine '
            f"({networks}); run where jobs are submitted, or name another in a file of your own"
        )
    return found[site.interface] if site.interface else set().union(*found.values())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
