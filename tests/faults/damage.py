"""What the cases of damaged files share: a small study, and whether a command noticed."""

from case import *
import json
import random
import shutil

COMMANDS = r"""
import contextlib, importlib.metadata, io, json, sys
main = next(e for e in importlib.metadata.entry_points(group="console_scripts") if e.name == "ebmark").load()
for line in sys.stdin:
    said = []
    for argv in json.loads(line):
        out, err = io.StringIO(), io.StringIO()
        sys.argv = ["ebmark", *argv]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main()
            except SystemExit as stop:
                code = stop.code
            except BaseException as error:
                code, _ = 1, err.write(repr(error))
        said.append([code or 0, out.getvalue(), err.getvalue()])
    sys.__stdout__.write(json.dumps(said) + "\n"); sys.__stdout__.flush()
"""
WORDS = r"damag|chang|checksum|hash|match|differ|alter|corrupt|tamper|not (that|those|the)|unlike|note:|warn|refus|broken|wrong"


def study():
    """A small finished study, copied into the case's folder; FAULTS_STUDY names one to be used again."""
    kept = os.environ.get("FAULTS_STUDY")
    made = Path(kept) if kept else HERE / "made"
    if not (made / "results.csv").exists():
        code, out, err = ebmark(
            "run",
            "smoke",
            "--methods",
            "gaussian",
            "--datasets",
            "half_moons",
            "--seeds",
            "2",
            "--jobs",
            "1",
            "--out",
            made,
            "--no-progress-bar",
        )
        if code:
            end(f"no study: exit status {code}, {last(err)}", "a study to damage")
    shutil.copytree(made, HERE / "study")
    return HERE / "study"


class Said:
    """The commands in one process, for speed: [status, stdout, stderr] of each."""

    def __init__(self):
        self.p = subprocess.Popen(
            [*PYTHON, "-c", COMMANDS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=HERE,
            env={**os.environ, "COLUMNS": "100"},
        )

    def __call__(self, *argvs):
        self.p.stdin.write(json.dumps([[str(a) for a in argv] for argv in argvs]) + "\n")
        self.p.stdin.flush()
        return json.loads(self.p.stdout.readline())

    def close(self):
        self.p.stdin.close()
        self.p.wait()


def noticed(said, before):
    """Whether any command failed or said something of it that it did not say before."""
    old = {line for one in before for text in one[1:] for line in text.splitlines()}
    new = [
        line
        for one in said
        for text in one[1:]
        for line in text.splitlines()
        if line not in old and not line.startswith("The report:")
    ]
    return any(one[0] for one in said) or any(re.search(WORDS, line, re.I) for line in new)


def flipped_digit(path, pattern):
    """Flip the lowest bit of the first digit of the pattern's group: 0.908 is 0.808 then, or 1.908."""
    text = path.read_text()
    found = re.search(pattern, text)
    at = next(i for i in range(found.start(1), found.end(1)) if text[i] in "123456789")
    path.write_text(text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :])
    return f"{found[1][:8]} made {(text[:at] + chr(ord(text[at]) ^ 1) + text[at + 1 :])[found.start(1) : found.start(1) + 8]}"
