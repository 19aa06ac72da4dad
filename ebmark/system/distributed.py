"""One run over several processes: who is who, as the launcher's environment says."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ebmark.errors import UserError, shown

_LAUNCHERS = {  # who we are and how many: the variables of each launcher
    "the environment": ("JAX_PROCESS_ID", "JAX_NUM_PROCESSES"),
    "srun": ("SLURM_PROCID", "SLURM_NTASKS"),
    "mpirun of Open MPI": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    "mpiexec": ("PMI_RANK", "PMI_SIZE"),
    "mpiexec of PALS": ("PALS_RANKID", "PALS_SIZE"),
}
_LOCAL = ("SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK", "PALS_LOCAL_RANKID", "MPI_LOCALRANKID")
_PORTS = (61_440, 4_096)  # the first, and how many: jobs on one machine take different ones
_PATIENCE = 120  # seconds until a process that does not come is given up


class Place(NamedTuple):
    """This process among all of a run, and where the first of them listens."""

    process: int
    processes: int
    coordinator: str


def place(environment: Mapping[str, str]) -> Place:
    """What the launcher says. Raises UserError where it does not say who is who."""
    for launcher, names in _LAUNCHERS.items():
        given = [environment.get(name, "") for name in names]
        if not any(given):
            continue
        for name, value in zip(names, given, strict=True):
            if not value.isdecimal():
                found = f"is {shown(value)}" if value else "is not set"
                raise UserError(f"--distributed: {name} {found}: it must be a number")
        process, processes = map(int, given)
        if not process < processes:
            raise UserError(
                f"--distributed: {names[0]} is {process} and {names[1]} {processes}: processes are "
                "counted from 0, each once"
            )
        coordinator = _coordinator(environment, processes)
        if coordinator is None:
            raise UserError(
                f"--distributed: {launcher} started {processes} processes, but not where the first "
                "one runs: set JAX_COORDINATOR_ADDRESS to its HOST:PORT"
            )
        return Place(process, processes, coordinator)
    raise UserError(
        "--distributed: nothing says how many processes there are: start them by srun or mpiexec, "
        "or set JAX_COORDINATOR_ADDRESS (HOST:PORT of the first), JAX_NUM_PROCESSES and "
        "JAX_PROCESS_ID (from 0)"
    )


def _coordinator(environment: Mapping[str, str], processes: int) -> str | None:
    """The first process's HOST:PORT."""
    if address := environment.get("JAX_COORDINATOR_ADDRESS"):
        if not re.fullmatch(r".+:\d+", address):
            raise UserError(
                f"--distributed: JAX_COORDINATOR_ADDRESS is {shown(address)}: it must be HOST:PORT"
            )
        return address
    job = environment.get("SLURM_JOB_ID") or environment.get("PBS_JOBID") or "0"
    first, number = _PORTS
    port = first + int(re.sub(r"\D", "", job) or 0) % number
    if nodes := environment.get("SLURM_STEP_NODELIST"):  # node1,node2 or node[001-015],other
        found = re.match(r"([^\[,]+)(?:\[(\d+))?", nodes)
        return f"{found[1]}{found[2] or ''}:{port}" if found else None
    if uri := re.search(r"tcp://([^,:]+)", environment.get("OMPI_MCA_orte_hnp_uri", "")):
        return f"{uri[1]}:{port}"
    if nodes := environment.get("PBS_NODEFILE"):
        return f"{Path(nodes).read_text().split()[0]}:{port}"
    if environment.get("OMPI_COMM_WORLD_LOCAL_SIZE") == str(processes):  # all on this machine
        return f"127.0.0.1:{port}"
    return None


def join() -> bool:
    """Meet the run's other processes, before JAX starts; whether this is the one that writes.

    From then on `jax.devices()` are those of all processes. Raises UserError where the environment
    does not say who is who, or where they do not come.
    """
    import jax

    ours = place(os.environ)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    local = [os.environ[name] for name in _LOCAL if name in os.environ]
    alone = ours.processes == 1
    try:
        jax.distributed.initialize(
            ours.coordinator,
            ours.processes,
            ours.process,
            # a launcher that counts the processes of a machine gives each of them one device
            local_device_ids=[int(local[0])] if local and not alone else None,
            initialization_timeout=_PATIENCE,
        )
    except RuntimeError as error:
        raise UserError(
            f"--distributed: process {ours.process} of {ours.processes} did not meet the others "
            f"at {ours.coordinator} within {_PATIENCE} s ({shown(error, 80)})"
        ) from None
    return ours.process == 0


def leave() -> None:
    """Wait for all the others, and go on alone."""
    import jax

    jax.distributed.shutdown()
