"""One command over two processes: the same results, and errors that name the missing variable."""

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
def test_place_of_each_launcher(launcher):
    environment, expected = LAUNCHERS[launcher]
    assert place(environment) == expected


def test_place_on_pbs_is_the_first_node(tmp_path):
    (tmp_path / "nodes").write_text("x3001c0s7\nx3001c0s7\nx3002c0s1\n")
    environment = {
        "PMI_RANK": "2",
        "PMI_SIZE": "3",
        "PBS_NODEFILE": str(tmp_path / "nodes"),
    }
    assert place(environment | {"PBS_JOBID": "12.head"}) == Place(2, 3, "x3001c0s7:61452")


@pytest.mark.parametrize(
    ("environment", "parts"),
    [
        ({}, ["srun", "JAX_NUM_PROCESSES"]),
        ({"JAX_PROCESS_ID": "0"}, ["JAX_NUM_PROCESSES", "not set"]),
        ({"JAX_PROCESS_ID": "one", "JAX_NUM_PROCESSES": "2"}, ["JAX_PROCESS_ID", "one"]),
        ({"JAX_PROCESS_ID": "2", "JAX_NUM_PROCESSES": "2"}, ["from 0 to 1"]),
        ({"PMI_RANK": "0", "PMI_SIZE": "2"}, ["JAX_COORDINATOR_ADDRESS", "HOST:PORT"]),
        (
            {"PMI_RANK": "0", "PMI_SIZE": "2", "JAX_COORDINATOR_ADDRESS": "here"},
            ["JAX_COORDINATOR_ADDRESS", "here"],
        ),
    ],
)
def test_place_names_missing_variable(environment, parts):
    with pytest.raises(UserError) as error:
        place(environment)
    assert all(part in str(error.value) for part in parts)
    assert "\n" not in str(error.value) and len(str(error.value)) < 300


def run(folder, num_processes, *arguments):
    """Return the lines that each process of the command prints."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "ebmark", *arguments]
    if num_processes > 1:
        command.append("--distributed")
    started = []
    for process in range(num_processes):
        environment = {
            **os.environ,
            "JAX_PROCESS_ID": str(process),
            "JAX_NUM_PROCESSES": str(num_processes),
            "JAX_COORDINATOR_ADDRESS": address,
        }
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        started.append(subprocess.Popen(command, cwd=folder, env=environment, **pipes))
    outputs = [process.communicate(timeout=400) for process in started]
    assert all(process.returncode == 0 for process in started), outputs
    lines = [stdout.splitlines() for stdout, _ in outputs]
    return [[line for line in of_one if not line.startswith("[Gloo]")] for of_one in lines]


@pytest.mark.full
@pytest.mark.parametrize("columns", [2, 3])
def test_two_processes_fit_and_sample_as_one(tmp_path, columns):
    """Equal up to rounding after 40 updates. Only the first process writes and prints."""
    x = np.random.default_rng(0).normal(size=(300, columns)) @ np.diag(range(1, columns + 1))
    np.save(tmp_path / "points.npy", x)
    samples = {}
    for num_processes in (1, 2):
        model = f"{num_processes}.ebm"
        fit = ("fit", "points.npy", "--out", model, "--updates", "40")
        first, *others = run(tmp_path, num_processes, *fit)
        assert model in first[-1] and not any(others)
        file = f"{num_processes}.npy"
        sample = ("sample", model, "--out", file, "--sampler", "langevin", "--steps", "20")
        first, *others = run(tmp_path, num_processes, *sample, "-n", "101")
        assert file in first[-1] and not any(others)
        samples[num_processes] = np.load(tmp_path / file)
    np.testing.assert_allclose(samples[2], samples[1], atol=2e-3)
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"points.npy", "1.ebm", "2.ebm", "1.npy", "2.npy"}
