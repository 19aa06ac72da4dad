"""A user runs one cell with and without JAX_ENABLE_X64=1: other numbers must have another name, or the same name the same numbers."""

from case import *
import json

got = {}
for name, env in (("default", {}), ("x64", {"JAX_ENABLE_X64": "1"})):
    done = lambda: list((HERE / name).glob("runs/*/result.json"))
    code, out, err = ebmark(
        "run",
        "smoke",
        "--methods",
        "gaussian",
        "--datasets",
        "half_moons",
        "--seeds",
        "1",
        "--jobs",
        "1",
        "--out",
        name,
        "--no-progress-bar",
        env=env,
        until=done,
        t=88,
    )
    if not done():
        if code == 2 and re.search("x64|precision|prng", err, re.I):
            continue  # refused in words
        end(
            f"{name}: exit status {code}, {last(err)}",
            "a cell (or a refusal that names the setting)",
        )
    result = done()[0]
    values = {
        m: v
        for _, m, v in json.loads(result.read_text())["rows"]
        if m in ("kl", "w1_exact", "w1_langevin")
    }
    got[name] = (result.parent.name, values)
clash = [
    n
    for n in got
    if n != "default"
    and got[n][0] == got["default"][0]
    and any(abs(v - got["default"][1][m]) > 1e-4 * abs(v) for m, v in got[n][1].items())
]
said = "; ".join(
    f"w1_exact {got[n][1]['w1_exact']:.4g} ({n}) and {got['default'][1]['w1_exact']:.4g}"
    for n in clash
)
end(
    f"one cell name {got['default'][0]} for {said}" if clash else None,
    "other names, the setting pinned, or a refusal",
)
