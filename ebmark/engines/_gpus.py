"""The GPUs of this machine, found without starting JAX, which would take their memory."""

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path

_PLUGINS = ("jax_cuda12_plugin", "jax_cuda13_plugin")  # with none of them JAX sees no GPU


def gpus(environment: Mapping[str, str], files: Path = Path("/dev")) -> list[str]:
    """The GPUs for the workers, as CUDA_VISIBLE_DEVICES says them: none if not asked for.

    They are asked for by `JAX_PLATFORMS=cuda`. Networks as small as the study's train sooner on
    the processor's cores, side by side, than one after the other on a GPU (docs/performance.md).
    """
    return _found(environment, files) if "cuda" in environment.get("JAX_PLATFORMS", "") else []


def left_alone(environment: Mapping[str, str], files: Path = Path("/dev")) -> str | None:
    """What to say where there are GPUs and nothing was said of them."""
    if environment.get("JAX_PLATFORMS") or not _found(environment, files):
        return None
    return (
        "note: the cells run on the processor, where networks this small train sooner; "
        "JAX_PLATFORMS=cuda gives them the GPUs"
    )


def _found(environment: Mapping[str, str], files: Path) -> list[str]:
    if not any(importlib.util.find_spec(name) for name in _PLUGINS):
        return []
    if "CUDA_VISIBLE_DEVICES" in environment:
        return [name for name in environment["CUDA_VISIBLE_DEVICES"].split(",") if name.strip()]
    numbers = (re.fullmatch(r"nvidia(\d+)", path.name) for path in files.glob("nvidia*"))
    return sorted((found[1] for found in numbers if found), key=int)


def sees(
    number: int, jobs: int, devices: list[str], environment: Mapping[str, str]
) -> dict[str, str]:
    """What worker `number` of `jobs` is told beside `environment`, so that it has one device.

    Workers that share one take memory as they need it, not most of it at once.
    """
    if not devices:
        return {"JAX_PLATFORMS": environment.get("JAX_PLATFORMS") or "cpu"}
    shared = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"} if jobs > len(devices) else {}
    return {"CUDA_VISIBLE_DEVICES": devices[number % len(devices)]} | shared
