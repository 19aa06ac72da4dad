"""What the fault cases share: a temporary folder, the command line, and the one line that a case prints."""

import os, re, shlex, subprocess, sys, tempfile, time
from pathlib import Path

NAME = Path(sys.argv[0]).stem
EBMARK = shlex.split(os.environ.get("EBMARK", "ebmark"))
PYTHON = shlex.split(os.environ.get("EBMARK_PYTHON", "python"))
HERE = Path(tempfile.mkdtemp(prefix="fault-"))


def end(fault, want, said=""):
    """One line and the exit status: 1 with a fault (what was got), 0 without."""
    import shutil

    shutil.rmtree(HERE, ignore_errors=True)
    line = f"FAULT {NAME}: got {fault}, want {want}" if fault else f"ok {NAME}: {said or want}"
    print(" ".join(line.split()), flush=True)
    sys.exit(1 if fault else 0)


def sh(command, env=None, t=170, cwd=None, until=None):
    """Status, stdout, stderr of a command in the case's folder; -9 where the time is up.

    With `until`, a function, the command (ours alone) is ended once that is true.
    """
    env = {**os.environ, "COLUMNS": "100", **(env or {})}
    env = {k: v for k, v in env.items() if v is not None}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        p = subprocess.Popen(
            [str(c) for c in command],
            env=env,
            cwd=cwd or HERE,
            stdout=out,
            stderr=err,
            stdin=subprocess.DEVNULL,
        )
        stop = time.monotonic() + t
        while p.poll() is None and time.monotonic() < stop and not (until and until()):
            time.sleep(0.1)
        code = p.poll()
        if code is None:
            p.terminate()
            try:
                p.wait(20)
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
            code = -15 if until and until() else -9
        texts = []
        for f in (out, err):
            f.seek(0)
            texts.append(f.read().decode("utf-8", "replace"))
    return code, *texts


def ebmark(*args, **how):
    return sh([*EBMARK, *args], **how)


def python(code, **how):
    return sh([*PYTHON, "-c", code], **how)


def last(text, width=160):
    """The last line that says something."""
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return repr(lines[-1].strip()[:width]) if lines else "nothing"


def rows(text):
    """name -> (value, low, high) of the printed table of scores; the range None where there is none."""
    found = {}
    for line in text.splitlines():
        cells = [c.strip() for c in re.split("[│|]", line) if c.strip()]
        if len(cells) >= 2 and re.fullmatch(r"[-+.\deE]+|nan|-?inf", cells[1]):
            span = re.fullmatch(r"(\S+) to (\S+)", cells[2]) if len(cells) > 2 else None
            found[cells[0]] = (
                float(cells[1]),
                *((float(span[1]), float(span[2])) if span else (None, None)),
            )
    return found


def csv(name, columns, x):
    (HERE / name).write_text(
        ",".join(columns)
        + "\n"
        + "\n".join(",".join(repr(float(v)) for v in row) for row in x)
        + "\n"
    )
    return name
