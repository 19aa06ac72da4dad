"""Installation by pip into a new environment, on every Python of this machine."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")


def find_interpreter(version: str) -> str | None:
    """A Python of this version that can create environments, of pyenv or on the path."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [str(path) for path in sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for name in [*reversed(candidates), shutil.which(f"python{version}")]:
        if name is not None:
            ended = subprocess.run([name, "-c", "import venv"], capture_output=True)
            if ended.returncode == 0:
                return name
    return None


@pytest.mark.full
@pytest.mark.parametrize("version", VERSIONS)
def test_installed_command_runs_smoke_study(version, tmp_path):
    python = find_interpreter(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    subprocess.run([python, "-m", "venv", tmp_path / "venv"], check=True)
    bin_folder = tmp_path / "venv" / "bin"
    # The build writes into its source folder.
    source = tmp_path / "source"
    # Only at the top: `ebmark/studies` is a package.
    unused = (".venv", ".git", "studies", "results")
    shutil.copytree(ROOT, source, ignore=lambda folder, _: unused if Path(folder) == ROOT else ())
    uv = Path(sys.executable).parent / "uv"
    install = [uv, "pip", "install", "-q", "--python", bin_folder / "python", source]
    subprocess.run(install, check=True, env=os.environ | {"UV_SYSTEM_CERTS": "1"})
    command = [bin_folder / "ebmark", "run", "smoke", "--methods", "nce", "--seeds", "1"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "studies" / "smoke" / "report.html").exists()
