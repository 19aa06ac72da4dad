"""The GPUs of this machine, found without starting JAX, which would take their memory."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")  # with none of them JAX sees no GPU


def gpus(environment: Mapping[str, str], files: Path = Path("/dev")) -> list[str]:
    """The names of the GPUs that JAX would use here, as CUDA_VISIBLE_DEVICES says them."""
    if "cuda" not in (environment.get("JAX_PLATFORMS") or "cuda"):
        return []
    if not any(importlib.util.find_spec(name) for name in _PLUGINS):
        return []
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [name for name in environment["CUDA_VISIBLE_DEVICES"].split(",") if name.strip()]
    numbers = (re.fullmatch(r"nvidia(\d+)", path.name) for path in files.glob("nvidia*"))
    return sorted((found[1] for found in numbers if found), key=int)


def sees(number: int, jobs: int, devices: list[str]) -> dict[str, str]:
    """What the environment of worker `number` of `jobs` says, so that it has one device.

    Workers that share one take memory as they need it, not most of it at once.
    """
    if not devices:
        return {}
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} if jobs > len(devices) else {}
    return {"CUDA_VISIBLE_DEVICES": devices[number % len(devices)]} | shared
