"""Make the published studies by one version of the code, and fill the texts that quote them.

    ./dev edition                      every study, each resumed where it stopped; then the texts
    ./dev edition toy images           only these
    ./dev edition --fill               only the texts, from the folders in results/
    ./dev edition --repeat 3 toy       three runs of a published study again, compared in all digits
    ./dev edition toy -- --site slurm  further options of `ebmark run`

A study runs in studies/edition/NAME and is published in results/NAME. The code must be committed:
every folder names its hash.
"""

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.edition.filling import fill
from benchmarks.edition.published import RESULTS
from benchmarks.edition.repeating import repeat
from benchmarks.edition.studies import AFTERWARDS, STUDIES, TUNED
from ebmark.errors import UserError
from ebmark.store.provenance import code_hash
from ebmark.store.schema import load_study
from ebmark.system.writing import write_whole

ROOT = Path(__file__).parents[2]
RUNS = Path("studies/edition")
# what determines the numbers of a study
_CODE = ("ebmark", "requirements.lock", "benchmarks/studies")


def main() -> int:
    """Run the command; the exit status."""
    own, options = _split(sys.argv[1:])
    arguments = _parse(own)
    try:
        if arguments.repeat is not None:
            refuse_modified_code()
            return repeat_all(arguments.studies or list(STUDIES), arguments.repeat)
        if not arguments.fill:
            refuse_modified_code()
            for name in arguments.studies or STUDIES:
                if status := make(name, options):
                    return status
        for path in texts():
            fill_text(path)
    except (UserError, ValueError) as error:
        print(f"edition: {error}", file=sys.stderr)
        return 2
    return 0


def texts() -> list[Path]:
    """Return README and all pages of the documentation."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fill_text(path: Path) -> None:
    """Fill the numbers of a text; leave it alone where none changes.

    Raises:
        ValueError: a number cannot be filled; the message names the file.
    """
    text = path.read_text(encoding="utf-8")
    try:
        filled = fill(text)
    except ValueError as error:
        raise ValueError(f"{path.relative_to(ROOT)}: {error}") from None
    if filled != text:
        write_whole(path, filled.encode())
        print(f"filled {path.relative_to(ROOT)}")


def refuse_modified_code() -> None:
    """Raise UserError if the code of the numbers is not that of a commit."""
    command = ["git", "status", "--porcelain", "--", *_CODE]
    changed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    if changed:
        raise UserError(
            f"{changed.split(maxsplit=1)[1].splitlines()[0]} is not committed, so that the hash of "
            "the code could not be found again. Commit it first."
        )


def make(name: str, options: list[str]) -> int:
    """Run a study, or resume it, and publish it; return the status of the command that failed.

    Raises:
        UserError: the study was begun with other code.
    """
    folder = RUNS / name
    if name == "tune":
        return _call("ebmark", [*shlex.split(STUDIES[name]), "--out", str(Path(TUNED).parent)])
    if (folder / "study.json").exists() and load_study(folder)["code_hash"] != code_hash():
        raise UserError(f"{folder} was begun with other code. Remove it to make it again.")
    command = [*shlex.split(STUDIES[name]), "--out", str(folder), *options]
    publish = ["ebmark.report.publish", str(folder), str(RESULTS / name)]
    afterwards = [shlex.split(words) for words in AFTERWARDS.get(name, [])]
    for module, *arguments in (["ebmark", *command], publish, *afterwards):
        if status := _call(module, arguments):
            return status
    return 0


def repeat_all(names: list[str], num: int) -> int:
    """Repeat randomly chosen runs of published studies; 1 if any number differs."""
    rng = np.random.default_rng()
    status = 0
    for name in names:
        if name == "tune":  # has no folder of its own; its recipes are those of `comparison`
            continue
        for run, metrics in repeat(name, num, rng).items():
            print(f"{name} {run}: {', '.join(metrics) or 'the same numbers'}", flush=True)
            status = status or int(bool(metrics))
    return status


def _call(module: str, arguments: list[str]) -> int:
    print(f"edition: python -m {module} {shlex.join(arguments)}", file=sys.stderr, flush=True)
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=ROOT).returncode


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Split the arguments at `--`."""
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return arguments[:at], arguments[at + 1 :]


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./dev edition", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("studies", nargs="*", metavar="STUDY", help=", ".join(STUDIES))
    parser.add_argument("--fill", action="store_true", help="only fill the texts")
    parser.add_argument(
        "--repeat", type=int, metavar="N", help="only repeat N runs of each published study"
    )
    parsed = parser.parse_args(arguments)
    if parsed.repeat is not None and parsed.repeat < 1:
        parser.error(f"--repeat must be at least 1, not {parsed.repeat}.")
    unknown = sorted(set(parsed.studies) - set(STUDIES))
    if unknown:
        parser.error(f"unknown study {', '.join(unknown)}. Choose from {', '.join(STUDIES)}.")
    return parsed


if __name__ == "__main__":
    sys.exit(main())
