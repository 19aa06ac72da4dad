"""The GPUs of this machine, found without starting JAX, which would allocate their memory."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")  # JAX needs one of them to use a GPU


def list_gpus(environment: Mapping[str, str], devices: Path = Path("/dev")) -> list[str]:
    """Return the GPUs for the workers; none unless `JAX_PLATFORMS=cuda`.

    Networks as small as those of a study train faster on the cores of the CPU, side by side, than
    one after another on a GPU (docs/system/performance.md).

    Args:
        environment: the environment of the command.
        devices: the folder of device files.

    Returns:
        GPUs as CUDA_VISIBLE_DEVICES names them.
    """
    is_requested = "cuda" in environment.get("JAX_PLATFORMS", "")
    return _find_gpus(environment, devices) if is_requested else []


def unused_gpus_note(environment: Mapping[str, str], devices: Path = Path("/dev")) -> str | None:
    """Return a note if there are GPUs and JAX_PLATFORMS is not set, else None."""
    if environment.get("JAX_PLATFORMS") or not _find_gpus(environment, devices):
        return None
    return (
        "note: runs use the CPU, on which networks of this size train faster. "
        "Set JAX_PLATFORMS=cuda to use the GPUs."
    )


def _find_gpus(environment: Mapping[str, str], devices: Path) -> list[str]:
    if not any(importlib.util.find_spec(name) for name in _PLUGINS):
        return []
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [name for name in environment["CUDA_VISIBLE_DEVICES"].split(",") if name.strip()]
    matches = (re.fullmatch(r"nvidia(\d+)", path.name) for path in devices.glob("nvidia*"))
    return sorted((match[1] for match in matches if match), key=int)


def device_variables(
    index: int, num_workers: int, gpus: list[str], environment: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment variables that give a worker one device.

    Workers that share a GPU allocate memory as they need it, instead of most of it at once.

    Args:
        index: the number of the worker, from 0.
        num_workers: how many workers there are.
        gpus: the GPUs, as `list_gpus` returns them.
        environment: the environment of the command.
    """
    if not gpus:
        return {"JAX_PLATFORMS": environment.get("JAX_PLATFORMS") or "cpu"}
    variables = {"CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)]}
    if num_workers > len(gpus):
        variables["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
    return variables
