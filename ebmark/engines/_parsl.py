"""Runs on the nodes of a cluster, with Parsl, whose executor keeps workers there between runs."""

import importlib.util
import os
import shlex
import socket
import sys
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from ebmark.engines._cores import num_cores
from ebmark.engines._sites import Site
from ebmark.engines._task import EngineLost, WorkerLost, as_task, run_in_pool
from ebmark.errors import UserError
from ebmark.system import user_code
from ebmark.system.threads import cache_folder

_MAX_RETRIES = 2
_LOST_NODE_COST = 0.25  # retries that a lost node costs a run, because walltimes end
_MIN_FAILED_JOBS = 3  # if these failed before any run was executed, the engine gives up

# receives the executor and the status of its jobs
_Watch = Callable[[Any, dict[str, Any]], None]


class Parsl:
    """Workers of Parsl's HighThroughputExecutor, in jobs that it submits, cancels and replaces."""

    def __init__(self, folder: Path, runner: str, site: Site):
        if importlib.util.find_spec("parsl") is None:
            raise UserError("The engine 'parsl' requires Parsl: pip install '.[parsl]'.")
        if any(character.isspace() for character in str(folder.resolve())):
            raise UserError(
                f"{folder}: Parsl does not support folders with a space in their path. "
                "Choose another one with --out."
            )
        self._folder = folder.resolve()
        self._runner = runner
        self._site = site
        self._addresses = _addresses(site)
        self._kernel: Any = None
        self._has_result = threading.Event()
        self._failure = ""

    def submit(self, name: str, spec: dict) -> Future[dict[str, Any]]:
        if self._kernel is None:
            self._kernel = _start_kernel(self._folder, self._site, self._addresses, self._watch)
        result: Future[dict[str, Any]] = Future()
        parsl_future = self._kernel.submit(
            run_in_pool,
            app_args=(str(self._folder), self._runner, as_task(self._folder, name, spec)),
            app_kwargs={},
            executors=["nodes"],
            cache=False,
            ignore_for_cache=[],
        )
        parsl_future.add_done_callback(lambda done: self._forward(done, result))
        return result

    def close(self) -> None:
        if self._kernel is not None:
            self._kernel.cleanup()
            self._kernel = None

    def _forward(self, parsl_future: Future, result: Future) -> None:
        """Set the result to that of Parsl's future, or to an exception of this package."""
        error = parsl_future.exception()
        if error is None:
            self._has_result.set()
            result.set_result(parsl_future.result())
        elif self._failure:
            result.set_exception(EngineLost(self._failure))
        else:
            result.set_exception(WorkerLost(f"{type(error).__name__}: {error}"))

    def _watch(self, executor: Any, status: dict[str, Any]) -> None:
        """Give up if jobs fail before any run was executed; jobs that end later are replaced."""
        failed = [job for job in status.values() if job.state.name in ("FAILED", "MISSING")]
        if self._has_result.is_set() or len(failed) < max(_MIN_FAILED_JOBS, self._site.blocks):
            return
        messages = [job.message or job.stderr_summary or job.stdout_summary for job in failed]
        last = next((message for message in reversed(messages) if message), "none")
        self._failure = (
            f"{len(failed)} jobs failed before any run was executed; "
            f"the last message: {' '.join(last.split())}"
        )
        executor.set_bad_state_and_fail_all(EngineLost(self._failure))


def _start_kernel(folder: Path, site: Site, addresses: set[str], watch: _Watch) -> Any:
    """Start Parsl, which starts the process of its interchange and submits the first jobs."""
    from parsl.config import Config
    from parsl.dataflow.dflow import DataFlowKernel
    from parsl.executors import HighThroughputExecutor

    # Parsl forks to call the scheduler's commands; the child only replaces itself by one of them
    warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
    return DataFlowKernel(
        Config(
            executors=[_executor(HighThroughputExecutor, site, addresses, watch)],
            run_dir=str(folder / "parsl"),
            retries=_MAX_RETRIES,
            retry_handler=_retry_cost,
            usage_tracking=0,
            initialize_logging=False,
        )
    )


def _executor(executor_class: Any, site: Site, addresses: set[str], watch: _Watch) -> Any:
    from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD

    python = f"{site.python or sys.executable} -P"
    pool = f"{python} -m parsl.executors.high_throughput.process_worker_pool"
    num_workers = site.workers or (num_cores() if site.scheduler == "local" else site.cores)
    executor = executor_class(
        label="nodes",
        provider=_provider(site),
        # without an address Parsl asks a web service for that of this machine
        address=min(addresses),
        max_workers_per_node=num_workers,
        # with a value near 0 the given number of workers is not limited by the cores
        cores_per_worker=1e-3 if site.workers else 1.0,
        available_accelerators=site.accelerators,
        cpu_affinity=site.affinity,
        heartbeat_period=max(5, site.lost_after // 4),
        heartbeat_threshold=site.lost_after,
        block_error_handler=watch,
        launch_cmd=DEFAULT_LAUNCH_CMD.replace("process_worker_pool.py", pool),
        interchange_launch_cmd=[sys.executable, "-P", "-m", "ebmark.engines.interchange"],
    )
    if len(addresses) > 1:
        # listen on all networks; the nodes try each address
        executor.address = None
        executor.all_addresses = addresses
    return executor


def _provider(site: Site) -> Any:
    from parsl.providers import LocalProvider, PBSProProvider, SlurmProvider

    environment = {
        "EBMARK_CACHE": str(cache_folder()),
        user_code.VARIABLE: os.environ.get(user_code.VARIABLE, ""),
    }
    exports = [f"export {name}={shlex.quote(value)}" for name, value in environment.items()]
    common: dict[str, Any] = {
        "nodes_per_block": site.nodes,
        "init_blocks": 1,
        "min_blocks": 0,
        "max_blocks": site.blocks,
        "launcher": _launcher(site),
        "worker_init": "\n".join([*site.setup, *exports]),
        "cmd_timeout": 120,
    }
    if site.scheduler == "local":
        return LocalProvider(**common)
    common["account"] = site.account or None
    common["walltime"] = site.walltime
    common["scheduler_options"] = "\n".join(site.directives)
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
        **common,
        queue=site.queue or None,
        select_options=site.select,
        cpus_per_node=site.cores or 1,
    )


def _launcher(site: Site) -> Any:
    from parsl.launchers import MpiExecLauncher, SingleNodeLauncher, SrunLauncher

    if site.launcher == "srun":
        return SrunLauncher(overrides=site.launcher_options)
    if site.launcher == "mpiexec":
        return MpiExecLauncher(bind_cmd="--cpu-bind", overrides=site.launcher_options)
    return SingleNodeLauncher()


def _retry_cost(error: Exception, record: Any) -> float:
    """Return the retries that a failure costs a run; a lost node is rarely caused by the run."""
    del record
    return _LOST_NODE_COST if type(error).__name__ == "ManagerLost" else 1


def _addresses(site: Site) -> set[str]:
    """Return the addresses of this machine in the network of the site, or in all networks."""
    import psutil

    if site.scheduler == "local":
        return {"127.0.0.1"}
    by_interface = {
        name: {address.address for address in addresses if address.family == socket.AF_INET}
        for name, addresses in psutil.net_if_addrs().items()
    }
    if not site.interface:
        return set().union(*by_interface.values())
    if not by_interface.get(site.interface):
        networks = ", ".join(sorted(name for name in by_interface if by_interface[name]))
        raise UserError(
            f'interface = "{site.interface}" of the site is not a network of this machine '
            f"({networks}). Run the command where jobs are submitted, or set 'interface' in a site "
            "file of your own."
        )
    return by_interface[site.interface]
