"""A user has a DataFrame with a named index, saved as Parquet and as CSV: both files must give the same columns in the same order, or say what was left out."""

from case import *

CODE = r"""
import numpy as np, pandas as pd
from ebmark.datasets.tables import read_points
rng = np.random.default_rng(11)
frame = pd.DataFrame(rng.normal(size=(60, 3)), columns=["height", "weight", "score"]).set_index("height")
frame.to_parquet("x.parquet"); frame.to_csv("x.csv")
a, b = read_points("x.parquet"), read_points("x.csv")
print("GOT", list(a.columns) == list(b.columns), "|", ", ".join(a.columns), "|", ", ".join(b.columns), "|", "index" in " ".join(a.notes))
"""
code, out, err = python(CODE)
if "GOT" not in out:
    end(f"exit status {code}: {last(err)}", "columns")
same, parquet, text, told = (part.strip() for part in out.split("GOT")[1].split("|"))
end(
    None
    if same == "True" or told == "True"
    else f"columns {parquet} of the Parquet file and {text} of the CSV file, without a word",
    "the same columns in the same order, or a note on the index",
)
