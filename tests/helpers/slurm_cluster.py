"""A SLURM cluster of one node on this machine, for tests: munged, slurmctld and slurmd."""

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import time
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "squeue", "scancel", "setpriv")
PATH = os.environ["PATH"] + ":/usr/sbin:/sbin"

CONF = """\
ClusterName=ebmark
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SlurmdParameters=config_overrides
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES State=UP
"""


def reason_to_skip() -> str:
    """Return why no cluster can be started here, or ""."""
    missing = [program for program in PROGRAMS if shutil.which(program, path=PATH) is None]
    if missing:
        return f"no {', '.join(missing)} (Debian: apt install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "the daemons of SLURM require root"


@contextlib.contextmanager
def cluster(folder: Path):
    """Start a cluster for the block, and yield the environment variables of its commands."""
    for name in ("state", "spool"):
        (folder / name).mkdir()
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    host = socket.gethostname().split(".")[0]
    conf = folder / "slurm.conf"
    ports = dict(zip(("controller", "daemon"), _free_ports(2)))
    conf.write_text(CONF.format(host=host, folder=folder, **ports))
    environment = os.environ | {"SLURM_CONF": str(conf), "PATH": PATH}
    munge = [f"--{name}={folder}/munge.{name.split('-')[0]}"
             for name in ("key-file", "socket", "pid-file", "log-file", "seed-file")]  # fmt: skip
    with contextlib.ExitStack() as stack:
        daemons = (
            ["munged", "--foreground", "--force", *munge],
            ["slurmctld", "-D", "-f", str(conf)],
            ["slurmd", "-D", "-f", str(conf), "-N", host],
        )
        for command in daemons:
            stack.enter_context(_daemon(command, environment, folder))
        stack.callback(_empty_queue, environment)
        _wait_until(lambda: "idle" in _output(["sinfo", "-h", "-o", "%T"], environment), 30, folder)
        yield environment


def jobs(environment) -> list[str]:
    """Return the ids of the running jobs."""
    return _output(["squeue", "-h", "-t", "RUNNING", "-o", "%i"], environment).split()


@contextlib.contextmanager
def _daemon(command, environment, folder):
    log = open(folder / f"{command[0]}.out", "wb")
    # if this process is killed, the system ends the daemon
    process = subprocess.Popen(
        ["setpriv", "--pdeathsig", "TERM", *command], env=environment, stdout=log, stderr=log
    )
    try:
        if command[0] == "munged":
            _wait_until((folder / "munge.socket").exists, 20, folder)
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def _empty_queue(environment):
    subprocess.run(["scancel", "-u", "root"], env=environment, timeout=30)
    deadline = time.monotonic() + 30
    while _output(["squeue", "-h"], environment).strip() and time.monotonic() < deadline:
        time.sleep(0.2)


def _output(command, environment) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True).stdout


def _wait_until(condition, seconds, folder):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            logs = {path.name: path.read_text()[-500:] for path in folder.glob("*.out")}
            raise TimeoutError(f"no cluster after {seconds} s: {logs}")
        time.sleep(0.1)


def _free_ports(num_ports) -> list[int]:
    sockets = [socket.socket() for _ in range(num_ports)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
