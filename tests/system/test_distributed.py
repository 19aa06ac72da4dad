"""One run over two processes is the run of one; and what is said where nobody knows who is who."""

import os
import socket
import subprocess
import sys

import numpy as np
import pytest

from ebmark.errors import UserError
from ebmark.system.distributed import Place, place

LAUNCHERS = {
    "plain": (
        {"JAX_PROCESS_ID": "1", "JAX_NUM_PROCESSES": "2", "JAX_COORDINATOR_ADDRESS": "n7:1234"},
        Place(1, 2, "n7:1234"),
    ),
    "srun": (
        {
            "SLURM_PROCID": "3",
            "SLURM_NTASKS": "8",
            "SLURM_JOB_ID": "4097",
            "SLURM_STEP_NODELIST": "nid[0017-0019,0044],other",
        },
        Place(3, 8, "nid0017:61441"),
    ),
    "srun on two nodes": (
        {"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "SLURM_STEP_NODELIST": "a1,a[2-3]"},
        Place(0, 2, "a1:61440"),
    ),
    "Open MPI on one machine": (
        {
            "OMPI_COMM_WORLD_RANK": "1",
            "OMPI_COMM_WORLD_SIZE": "4",
            "OMPI_COMM_WORLD_LOCAL_SIZE": "4",
        },
        Place(1, 4, "127.0.0.1:61440"),
    ),
    "Open MPI over machines": (
        {
            "OMPI_COMM_WORLD_RANK": "1",
            "OMPI_COMM_WORLD_SIZE": "4",
            "OMPI_MCA_orte_hnp_uri": "1531576320.0;tcp://10.96.0.1,10.148.0.1:34911",
        },
        Place(1, 4, "10.96.0.1:61440"),
    ),
}


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_launcher_says_who_is_who(launcher):
    environment, expected = LAUNCHERS[launcher]
    assert place(environment) == expected


def test_on_pbs_the_first_node_of_the_job_is_where_they_meet(tmp_path):
    (tmp_path / "nodes").write_text("x3001c0s7\nx3001c0s7\nx3002c0s1\n")
    environment = {
        "PMI_RANK": "2",
        "PMI_SIZE": "3",
        "PBS_NODEFILE": str(tmp_path / "nodes"),
    }
    assert place(environment | {"PBS_JOBID": "12.head"}) == Place(2, 3, "x3001c0s7:61452")


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, ["srun", "JAX_NUM_PROCESSES"]),
        ({"JAX_PROCESS_ID": "0"}, ["JAX_NUM_PROCESSES", "not set"]),
        ({"JAX_PROCESS_ID": "one", "JAX_NUM_PROCESSES": "2"}, ["JAX_PROCESS_ID", "one"]),
        ({"JAX_PROCESS_ID": "2", "JAX_NUM_PROCESSES": "2"}, ["from 0"]),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, ["JAX_COORDINATOR_ADDRESS", "HOST:PORT"]),
        (
            {"PMI_RANK": "0", "PMI_SIZE": "2", "JAX_COORDINATOR_ADDRESS": "here"},
            ["JAX_COORDINATOR_ADDRESS", "here"],
        ),
    ],
)
def test_who_does_not_know_who_is_who_is_told_what_to_set(environment, words):
    with pytest.raises(UserError) as error:
        place(environment)
    assert all(word in str(error.value) for word in words)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def command(folder, processes, *arguments):
    """The outputs of the command in so many processes, each told who it is."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    started = []
    for process in range(processes):
        who = {"JAX_PROCESS_ID": process, "JAX_NUM_PROCESSES": processes}
        who |= {"JAX_COORDINATOR_ADDRESS": address}
        environment = os.environ | {name: str(value) for name, value in who.items()}
        line = [sys.executable, "-m", "ebmark", *arguments]
        line += ["--distributed"] if processes > 1 else []
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(line, cwd=folder, env=environment, **pipes))
    ended = [one.communicate(timeout=400) for one in started]
    assert all(one.returncode == 0 for one in started), ended
    said = (out.splitlines() for out, _ in ended)
    return [[line for line in lines if not line.startswith("[Gloo]")] for lines in said]


@pytest.mark.full
@pytest.mark.parametrize("columns", [2, 3])
def test_two_processes_fit_and_sample_what_one_does(tmp_path, columns):
    """Gloo between them; the first alone writes and speaks. To rounding, after 40 updates."""
    x = np.random.default_rng(0).normal(size=(300, columns)) @ np.diag(range(1, columns + 1))
    np.save(tmp_path / "points.npy", x)
    fitted = {}
    for processes in (1, 2):
        model = f"{processes}.ebm"
        ended = command(tmp_path, processes, "fit", "points.npy", "--out", model, "--updates", "40")
        assert model in ended[0][-1] and not any(ended[1:])
        new = f"{processes}.npy"
        how = ("--sampler", "langevin", "--steps", "20", "-n", "101")
        ended = command(tmp_path, processes, "sample", model, "--out", new, *how)
        assert new in ended[0][-1] and not any(ended[1:])
        fitted[processes] = np.load(tmp_path / new)
    np.testing.assert_allclose(fitted[2], fitted[1], atol=2e-3)
    assert {path.name for path in tmp_path.iterdir()} == {
        *("points.npy", "1.ebm", "2.ebm", "1.npy", "2.npy")
    }
