"""A bit flips in a number of results.csv: table and report must notice, not print it."""

from damage import *

folder = study()
said = Said()
commands = [("status", folder), ("table", folder)]
before = said(*commands)
what = flipped_digit(folder / "results.csv", r",kl,([\d.e-]+)")
after = said(*commands)
right = after[1][:2] == before[1][:2] and noticed(after, before)
if not right and not noticed(after[1:], before[1:]):
    shown = "; `table` prints another number" if after[1][1] != before[1][1] else ""
    end(f"silence at kl {what}{shown}", "the damaged table refused, named or made anew with a word")
end(
    None
    if right or noticed(said(("report", folder)), before)
    else f"silence of report at kl {what}",
    "the damaged table refused, named or made anew with a word",
)
