"""The environment of one thread: idempotent, and with XLA's threads where a GPU is used."""

from ebmark.system import threads
from ebmark.system.threads import single


def test_every_library_has_one_thread_and_own_flags_come_last():
    variables = single({"XLA_FLAGS": "--xla_own=1", "HOME": "there", "JAX_PLATFORMS": "cpu"})
    assert variables["NPROC"] == variables["OMP_NUM_THREADS"] == "1"
    assert variables["XLA_FLAGS"].endswith(" --xla_own=1") and variables["HOME"] == "there"
    assert single(variables) == variables


def test_gpu_keeps_threads_of_xla(monkeypatch, tmp_path):
    assert "NPROC" not in single({"JAX_PLATFORMS": "cuda"})
    monkeypatch.setattr(threads, "_NVIDIA_DRIVER", tmp_path)
    assert "NPROC" not in single({}) and single({"JAX_PLATFORMS": "cpu"})["NPROC"] == "1"
    monkeypatch.setattr(threads, "_NVIDIA_DRIVER", tmp_path / "absent")
    assert single({})["NPROC"] == "1"
