"""ebmark installed as anybody would: by pip, into a fresh environment, on every Python here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def interpreter(version: str) -> str | None:
    """A Python of this version, on the path or kept by pyenv."""
    kept = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [str(path) for path in sorted(kept.glob(f"{version}.*/bin/python"))]
    for name in [*reversed(found), shutil.which(f"python{version}")]:
        if (
            name
            and subprocess.run([name, "-c", "import venv"], capture_output=True).returncode == 0
        ):
            return name
    return None


@pytest.mark.full
@pytest.mark.parametrize("version", VERSIONS)
def test_pip_install_gives_a_command_that_runs_the_smallest_study(version, tmp_path):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    bin_folder = tmp_path / "venv" / "bin"
    source = tmp_path / "code_hash"  # a copy, so that the build leaves nothing in the checkout
    ignored = shutil.ignore_patterns(".venv", ".git", "runs", "results", "__pycache__")
    shutil.copytree(ROOT, source, ignore=ignored)
    uv = Path(sys.executable).parent / "uv"
    install = [uv, "pip", "install", "-q", "--python", bin_folder / "python", source]
    subprocess.run(install, check=True, env=os.environ | {"UV_SYSTEM_CERTS": "1"})
    command = [bin_folder / "ebmark", "run", "smoke", "--methods", "nce", "--seeds", "1"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "runs" / "smoke" / "report.html").exists()
