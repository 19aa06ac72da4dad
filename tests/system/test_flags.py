"""Flags of JAX and XLA: pinned in every process of a command, or part of the spec."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from ebmark.datasets import SyntheticDataset
from ebmark.errors import UserError
from ebmark.methods import METHODS
from ebmark.studies import plugins, task
from ebmark.studies.builtin import STUDIES
from ebmark.studies.spec import run_id, run_specs
from ebmark.system.flags import PINNED, pin_flags, xla_flags

# another value of each flag
OTHERS = {
    "jax_enable_x64": "1",
    "jax_default_prng_impl": "rbg",
    "jax_threefry_partitionable": "0",
    "jax_random_seed_offset": "7",
    "jax_high_dynamic_range_gumbel": "1",
    "jax_default_matmul_precision": "bfloat16",
    "jax_numpy_dtype_promotion": "strict",
    "jax_numpy_rank_promotion": "raise",
    "jax_disable_jit": "1",
}
SHOW = "; ".join(f"print(repr(jax.config.{name}))" for name in PINNED)


def flags_of(code: str, environment: dict[str, str]) -> list[str]:
    ended = subprocess.run(
        [sys.executable, "-c", f"{code}; {SHOW}"],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return ended.stdout.splitlines()


def test_pinned_flags_are_the_defaults_of_jax():
    for name, value in PINNED.items():
        assert getattr(jax.config, name) == value


@pytest.mark.full
def test_pin_flags_before_and_after_import():
    environment = {name.upper(): value for name, value in OTHERS.items()}
    assert OTHERS.keys() == PINNED.keys()
    pinned = flags_of("import jax", {})
    pin = "from ebmark.system.flags import pin_flags"
    others = flags_of("import jax", environment)
    assert all(other != value for other, value in zip(others, pinned, strict=True))
    assert flags_of(f"{pin}; pin_flags(); import jax", environment) == pinned
    assert flags_of(f"import jax; {pin}; pin_flags()", environment) == pinned


def test_plugin_cannot_change_flags(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import jax\nfrom ebmark.methods import METHODS as known\n"
        "jax.config.update('jax_enable_x64', True)\nMETHODS = {'flag_test': known['nce']}\n"
    )
    try:
        plugins.load(path)
        assert not jax.config.jax_enable_x64
    finally:
        pin_flags()
        METHODS.pop("flag_test", None)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("", []),
        ("--xla_cpu_multi_thread_eigen=false --xla_force_host_platform_device_count=4", []),
        ("--xla_cpu_enable_fast_math=true", ["--xla_cpu_enable_fast_math=true"]),
        ("--xla_b=1  --xla_a=2 --xla_dump_to=/x --xla_b=1", ["--xla_a=2", "--xla_b=1"]),
    ],
)
def test_xla_flags_keeps_those_that_change_numbers(flags, expected):
    assert xla_flags({"XLA_FLAGS": flags}) == expected


def test_xla_flags_change_the_run_id(monkeypatch):
    study = dataclasses.replace(STUDIES["smoke"], methods=("nce",), datasets=("half_moons",))

    def spec_with(flags):
        monkeypatch.setenv("XLA_FLAGS", flags)
        return run_specs(study, [SyntheticDataset("half_moons")], None)[0]

    plain = spec_with("--xla_dump_to=/tmp")
    fast = spec_with("--xla_cpu_enable_fast_math=true")
    assert "xla_flags" not in plain
    assert run_id(plain) != run_id(fast)
    monkeypatch.setenv("XLA_FLAGS", "")
    with pytest.raises(UserError, match=r"planned with \['--xla_cpu_enable_fast_math=true'\]"):
        task.run(Path(), "0", fast, lambda activity, fraction: None)


EVERY_CALL = Path(__file__).parents[1] / "helpers" / "every_call.py"
FLAGS = pytest.mark.parametrize("flag", ["JAX_ENABLE_X64", "JAX_DEBUG_NANS"])


def failures(flag: str, *names: str) -> list[str]:
    """Return what fails when the methods and samplers are used with the flag, from Python."""
    ended = subprocess.run(
        [sys.executable, str(EVERY_CALL), *names],
        env=os.environ | {flag: "1"},
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


@pytest.mark.full
@FLAGS
def test_flag_from_python(flag):
    assert failures(flag, "langevin", "mala", "nce") == []


@pytest.mark.full
@FLAGS
def test_flag_from_python_everywhere(flag):
    assert failures(flag) == []
