"""What made a number: the code's hash, the versions, the device."""

import functools
import hashlib
import importlib.metadata
import os
import platform
from pathlib import Path

import ebmark

# what reads numbers but does not make them: changing it leaves finished cells as they are
_READERS = {"cli.py", "report", "figures", "statistics.py", "table.py", "driver.py", "progress.py"}


@functools.cache
def source_hash() -> str:
    """The sha256 of the source that makes numbers: no cell made by other code is ever reused."""
    root = Path(ebmark.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        relative = path.relative_to(root)
        if relative.parts[0] not in _READERS:
            digest.update(relative.as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


@functools.cache
def versions() -> dict[str, str]:
    """The versions of Python and of the packages that numbers come from."""
    packages = ("jax", "equinox", "optax", "numpy", "pot")
    found = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version()} | found


@functools.cache
def device() -> str:
    """The processor and its number of cores, in words."""
    model = platform.machine()
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    except OSError:
        pass
    return f"cpu: {model}, {os.cpu_count()} cores"
