"""One command over several processes, whose ranks are read from the launcher's environment."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ebmark.errors import UserError, shown

# launcher -> the variables of a process's rank and of the number of processes
_LAUNCHERS = {
    "the environment": ("JAX_PROCESS_ID", "JAX_NUM_PROCESSES"),
    "srun": ("SLURM_PROCID", "SLURM_NTASKS"),
    "mpirun of Open MPI": ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    "mpiexec": ("PMI_RANK", "PMI_SIZE"),
    "mpiexec of PALS": ("PALS_RANKID", "PALS_SIZE"),
}
_LOCAL_RANKS = (
    "SLURM_LOCALID",
    "OMPI_COMM_WORLD_LOCAL_RANK",
    "PALS_LOCAL_RANKID",
    "MPI_LOCALRANKID",
)
# the port depends on the job, so that two jobs on one machine use different ones
_FIRST_PORT = 61_440
_NUM_PORTS = 4_096
_TIMEOUT = 120  # seconds that a process waits for the others


class Place(NamedTuple):
    """The rank of this process and the address at which the processes meet.

    Attributes:
        process: the rank, from 0.
        processes: the number of processes.
        coordinator: HOST:PORT of the first process.
    """

    process: int
    processes: int
    coordinator: str


def place(environment: Mapping[str, str]) -> Place:
    """Return the place of this process according to the environment of its launcher.

    Raises:
        UserError: the environment does not define the rank, the number of processes and the
            address of the first one.

    Example:
        >>> place({"SLURM_PROCID": "1", "SLURM_NTASKS": "2", "SLURM_STEP_NODELIST": "n[3-4]"})
        Place(process=1, processes=2, coordinator='n3:61440')
    """
    for launcher, names in _LAUNCHERS.items():
        if any(environment.get(name) for name in names):
            process, processes = _read_ranks(environment, names)
            coordinator = _coordinator(environment, processes)
            if coordinator is None:
                raise UserError(
                    f"--distributed: {launcher} started {processes} processes, but the address of "
                    "the first one is unknown. Set JAX_COORDINATOR_ADDRESS to its HOST:PORT."
                )
            return Place(process, processes, coordinator)
    raise UserError(
        "--distributed: the number of processes is unknown. Start them with srun or mpiexec, "
        "or set JAX_COORDINATOR_ADDRESS (HOST:PORT of the first), JAX_NUM_PROCESSES and "
        "JAX_PROCESS_ID (from 0)."
    )


def _read_ranks(environment: Mapping[str, str], names: tuple[str, str]) -> list[int]:
    """Return the rank of this process and the number of processes."""
    numbers = []
    for name in names:
        value = environment.get(name, "")
        if not value.isdecimal():
            problem = f"is '{shown(value)}'" if value else "is not set"
            raise UserError(f"--distributed: {name} {problem}. It must be a number.")
        numbers.append(int(value))
    process, processes = numbers
    if not process < processes:
        raise UserError(
            f"--distributed: {names[0]} is {process}, but {names[1]} is {processes}. "
            f"Number the processes from 0 to {processes - 1}."
        )
    return numbers


def _coordinator(environment: Mapping[str, str], processes: int) -> str | None:
    """Return HOST:PORT of the first process, or None if the environment does not define it."""
    if address := environment.get("JAX_COORDINATOR_ADDRESS"):
        if not re.fullmatch(r".+:\d+", address):
            raise UserError(
                f"--distributed: JAX_COORDINATOR_ADDRESS is '{shown(address)}'. "
                "It must be HOST:PORT."
            )
        return address
    host = _first_host(environment, processes)
    if host is None:
        return None
    job = environment.get("SLURM_JOB_ID") or environment.get("PBS_JOBID") or "0"
    job_number = int(re.sub(r"\D", "", job) or 0)
    return f"{host}:{_FIRST_PORT + job_number % _NUM_PORTS}"


def _first_host(environment: Mapping[str, str], processes: int) -> str | None:
    # node1,node2 or node[001-015],other
    if nodes := environment.get("SLURM_STEP_NODELIST"):
        match = re.match(r"([^\[,]+)(?:\[(\d+))?", nodes)
        return f"{match[1]}{match[2] or ''}" if match else None
    if match := re.search(r"tcp://([^,:]+)", environment.get("OMPI_MCA_orte_hnp_uri", "")):
        return match[1]
    if file := environment.get("PBS_NODEFILE"):
        return Path(file).read_text().split()[0]
    # all processes are on this machine
    if environment.get("OMPI_COMM_WORLD_LOCAL_SIZE") == str(processes):
        return "127.0.0.1"
    return None


def join() -> bool:
    """Connect the processes of the command, before JAX starts.

    From then on `jax.devices()` are those of all processes.

    Returns:
        Whether this is the process that prints and writes files.

    Raises:
        UserError: the environment does not define the ranks, or another process does not appear.
    """
    import jax

    this = place(os.environ)
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    local_ranks = [int(os.environ[name]) for name in _LOCAL_RANKS if name in os.environ]
    # a launcher that numbers the processes of a machine gives each of them one device
    has_one_device = bool(local_ranks) and this.processes > 1
    try:
        jax.distributed.initialize(
            this.coordinator,
            this.processes,
            this.process,
            local_device_ids=local_ranks[:1] if has_one_device else None,
            initialization_timeout=_TIMEOUT,
        )
    except RuntimeError as error:
        raise UserError(
            f"--distributed: process {this.process} of {this.processes} did not reach the others "
            f"at {this.coordinator} within {_TIMEOUT} s ({shown(error, 80)})."
        ) from None
    return this.process == 0


def leave() -> None:
    """Wait for all other processes, then disconnect from them."""
    import jax

    jax.distributed.shutdown()
