"""Flags of JAX and XLA that change the numbers of a run: pinned, or part of the run's spec.

This module does not import JAX, so that commands without it start fast.
"""

import os
import sys
from collections.abc import Mapping

# setting of JAX -> its value in every command and worker; None removes it
PINNED: dict[str, str | bool | int | None] = {
    "jax_enable_x64": False,
    "jax_default_prng_impl": "threefry2x32",
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
    "jax_high_dynamic_range_gumbel": False,
    # `devices.full_matmul_precision` sets it where it matters
    "jax_default_matmul_precision": None,
    "jax_numpy_dtype_promotion": "standard",
    "jax_numpy_rank_promotion": "allow",
    "jax_disable_jit": False,
}
# forces TF32 on or off, whatever JAX is set to
_REMOVED = "NVIDIA_TF32_OVERRIDE"
# prefixes of XLA's flags that change a run's numbers at most in the order of their sums
_HARMLESS = (
    "--xla_cpu_multi_thread_eigen",
    "--xla_cpu_prefer_vector_width",
    "--xla_force_host_platform_device_count",
    "--xla_dump",
    "--xla_gpu_cuda_data_dir",
)


def pin_flags() -> None:
    """Give every setting in `PINNED` its value, whether or not JAX is imported already.

    Commands and workers call it first, so that a run has the numbers of its id in every shell.
    """
    jax = sys.modules.get("jax")
    os.environ.pop(_REMOVED, None)
    for name, value in PINNED.items():
        os.environ.pop(name.upper(), None)
        if value is not None:
            os.environ[name.upper()] = str(value)
        if jax is not None and hasattr(jax.config, name):
            jax.config.update(name, value)


def xla_flags(environment: Mapping[str, str]) -> list[str]:
    """Return the flags in XLA_FLAGS that may change numbers, such as fast mathematics, sorted.

    Example:
        >>> xla_flags({"XLA_FLAGS": "--xla_cpu_enable_fast_math=true --xla_dump_to=/tmp"})
        ['--xla_cpu_enable_fast_math=true']
    """
    flags = environment.get("XLA_FLAGS", "").split()
    return sorted({flag for flag in flags if not flag.startswith(_HARMLESS)})
