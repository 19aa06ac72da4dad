"""A bit flips in a number of a run's result.json: status, table or report must notice, and no command show the number as good."""

from damage import *

folder = study()
said = Said()
commands = [("status", folder), ("table", folder)]
before = said(*commands)
cell = sorted(folder.glob("runs/*/result.json"))[0]
what = flipped_digit(cell, r'"kl",\s*([\d.e-]+)')
after = said(*commands)
if not noticed(after, before) and not noticed(said(("report", folder)), before):
    (folder / "results.csv").unlink()  # the table is then made of the cells
    again = said(("table", folder))[0]
    shown = (
        "; `table` without results.csv shows another number"
        if again[1] != before[1][1] and not again[0]
        else ""
    )
    end(f"silence at kl {what}{shown}", "the damaged cell named by status, table or report")
end(None, "the damaged cell named by status, table or report")
