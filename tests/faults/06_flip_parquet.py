"""A bit flips in results.parquet so that pandas reads another number: status, table or report must notice."""

from damage import *

folder = study()
READ = r"""
import random, sys
import pandas as pd
path = sys.argv[1] + "/results.parquet"
good, rng = open(path, "rb").read(), random.Random(0)
want = pd.read_parquet(path)
for _ in range(4000):
    at, bit = rng.randrange(4, len(good) - 8), rng.randrange(8)
    bad = bytearray(good); bad[at] ^= 1 << bit
    open(path, "wb").write(bad)
    try:
        got = pd.read_parquet(path)
        same = list(got.columns) == list(want.columns) and len(got) == len(want)
        if same and not got["value"].equals(want["value"]):
            print("FLIPPED", at, bit, int((got["value"] != want["value"]).sum()), "values changed"); break
    except Exception:
        pass
else:
    open(path, "wb").write(good); print("NONE")
"""
said = Said()
commands = [("status", folder), ("table", folder)]
before = said(*commands)
code, out, err = sh([*PYTHON, "-c", READ, folder])
if "NONE" in out:
    end(None, "no flip of results.parquet that its reader takes for good")
if "FLIPPED" not in out:
    end(f"exit status {code}: {last(err)}", "a flip")
after = said(*commands)
end(
    None
    if noticed(after, before) or noticed(said(("report", folder)), before)
    else f"silence at byte {out.split()[1]} ({out.split()[3]} values changed)",
    "the damaged parquet named by status, table or report (or unreadable by its reader)",
)
