r"""
Fit your own table
==================

``EnergyModel`` takes data frames with numbers, categories, dates and missing values. The fitted
model scores rows, explains outliers, fills gaps and draws new rows.
"""

# %%
# The table: chemical measurements of 178 Italian wines and their cultivar.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_wine

import ebmark as eb

wine = load_wine(as_frame=True)
columns = ["alcohol", "flavanoids", "color_intensity"]
table = wine.data[columns].assign(
    cultivar=pd.Categorical.from_codes(wine.target, ["barolo", "grignolino", "barbera"])
)
model = eb.EnergyModel("nce", updates=400, random_state=0).fit(table)
model.columns_

# %%
# **Score.** ``score_samples`` returns the log-density of each row. Held-out rows say whether the
# network is better than the baselines, in nats per row. With 178 rows it need not be.
print({name: round(value, 2) for name, value in model.held_out_.items()})

# %%
# **Explain.** How unlikely is each value given the others of its row? The odd value gets the
# large number.
odd = table.head(3).copy()
odd.loc[1, "flavanoids"] = 0.3
model.explain(odd).round(1)

# %%
# **Impute.** Draws from the conditional density keep its spread; several imputations show the
# uncertainty.
gaps = table.head(3).copy()
gaps.loc[0, "alcohol"] = np.nan
gaps.loc[2, "cultivar"] = np.nan
model.impute(gaps, random_state=0)

# %%
# **Sample**, also with some values given. New rows have the columns, types, ranges and rounding
# of the table.
rows = model.sample(200, random_state=0, given={"cultivar": "barolo"})
figure, ax = plt.subplots(figsize=(5.5, 3.4))
is_barolo = table["cultivar"] == "barolo"
ax.scatter(table["alcohol"], table["flavanoids"], s=12, color="0.6", label="all wines")
ax.scatter(rows["alcohol"], rows["flavanoids"], s=5, label="model, given barolo", alpha=0.6)
ax.scatter(*table.loc[is_barolo, ["alcohol", "flavanoids"]].to_numpy().T, s=14, label="barolo")
ax.set(xlabel="alcohol", ylabel="flavanoids")
ax.legend()
plt.show()

# %%
# **Save.** ``model.save("wine.ebm")`` writes a file that ``eb.load`` and the command line read:
#
# .. code-block:: sh
#
#    ebmark fit wine.csv --out wine.ebm
#    ebmark score wine.ebm new.csv --out scored.csv
#    ebmark impute wine.ebm gaps.csv --out full.csv
#    ebmark sample wine.ebm -n 1000 --given cultivar=barolo --out new.csv
