"""Twelve tables of unlike kinds, and fits of few updates."""

import warnings

import numpy as np
import pandas as pd
from sklearn import datasets

import ebmark as eb

OPTIONS = {"updates": 20, "early_stopping": False, "baselines": False, "random_state": 0}


def fit(table, method="gaussian", **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eb.EnergyModel(method, **(OPTIONS | options)).fit(table)


def orders(num=200):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "price": [f"{x:.2f}".replace(".", ",") for x in rng.gamma(3, 5, num)],
            "kind": rng.choice(["red", "white"], num, p=[0.7, 0.3]),
            "year": 2000 + rng.binomial(20, 0.5, num),
            "shop": "north",
        },
        index=np.arange(num) + 1000,
    )


def bundled(name):
    data = getattr(datasets, f"load_{name}")(as_frame=True)
    table = data.frame
    if "target_names" in data and name in ("iris", "wine", "breast_cancer"):
        table = table.assign(target=data.target_names[data.target])
    return table


def weather():
    rng = np.random.default_rng(1)
    num = 120
    return pd.DataFrame(
        {
            "day": pd.date_range("2024-01-01", periods=num),
            "at": pd.date_range("2024-01-01", periods=num, freq="7h", tz="Europe/Berlin"),
            "rain": pd.array(rng.integers(0, 9, num), dtype="Int64"),
            "storm": rng.random(num) < 0.2,
            "wind": pd.Categorical(
                rng.choice(["calm", "breeze", "gale"], num),
                ["calm", "breeze", "gale"],
                ordered=True,
            ),
        }
    )


def sales():
    rng = np.random.default_rng(2)
    amounts = rng.lognormal(8, 1, 150)
    return pd.DataFrame(
        {
            "date": [str(d.date()) for d in pd.date_range("2023-01-01", periods=150, freq="3D")],
            "amount": [f"{x:,.2f}" for x in amounts],
            "weight": [f"{x / 7:.1f}".replace(".", ",") for x in amounts],
            "currency": "EUR",
            "units": (amounts * 1e9).round(),
            "ratio": amounts * 1e-9,
        }
    )


TABLES = {
    name: lambda name=name: bundled(name)
    for name in ("iris", "wine", "diabetes", "breast_cancer", "linnerud")
}
TABLES["digits"] = lambda: bundled("digits").iloc[:400, 2:40:6].assign(zero=0)
TABLES["iris, integers"] = lambda: (bundled("iris").iloc[:, :4] * 10).round().astype(int)
TABLES["wine, category"] = lambda: bundled("wine").iloc[:, :3].astype({"ash": "float32"})
TABLES["wine, Arrow"] = lambda: bundled("wine").iloc[:, 8:].astype({"target": "category"})
TABLES |= {"orders": lambda: orders(), "weather": weather, "sales": sales}
