"""A user runs a study with a plugin of hers in a folder where a stranger planted plugins/__pycache__/mine.*.pyc: only the source she named may run."""

from case import *
import importlib.util
import py_compile

SOURCE = "from ebmark.methods import METHODS as ALL\nMETHODS = {'mine': ALL['gaussian']}\n"
(HERE / "mine.py").write_text(SOURCE)
kept = HERE / "out" / "plugins"
kept.mkdir(parents=True)
mark = HERE / "ran"
(HERE / "evil.py").write_text(f"open({str(mark)!r}, 'w').write('x')\n" + SOURCE)
(kept / "mine.py").write_text(SOURCE)
cache = Path(importlib.util.cache_from_source(str(kept / "mine.py")))
py_compile.compile(
    str(HERE / "evil.py"),
    cfile=str(cache),
    doraise=True,
    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
)
done = lambda: list((HERE / "out").glob("runs/*/result.json"))
code, out, err = ebmark(
    "run",
    "smoke",
    "--plugin",
    "mine.py",
    "--methods",
    "mine",
    "--datasets",
    "half_moons",
    "--seeds",
    "1",
    "--jobs",
    "1",
    "--out",
    "out",
    "--no-progress-bar",
    until=lambda: mark.exists() or done(),
)
if mark.exists():
    end("the planted bytecode executed", "only the source of the named plugin executed")
refused = code == 2 and "pycache" in err
end(
    None if done() or refused else f"exit status {code} and no cell: {last(err)}",
    "the cell done by the source that was named (or a refusal of the planted file)",
)
