"""A user of a terminal in Latin-1 (PYTHONIOENCODING=latin-1) asks for --help of the program and of its commands: text, exit status 0."""

from case import *

wrong = []
for args in ((), ("fit",), ("evaluate",)):
    code, out, err = ebmark(*args, "--help", env={"PYTHONIOENCODING": "latin-1"})
    if code or "usage" not in out.lower():
        wrong.append(f"{' '.join(args) or 'ebmark'} --help: exit status {code}, {last(err, 90)}")
end("; ".join(wrong) or None, "help, exit status 0")
