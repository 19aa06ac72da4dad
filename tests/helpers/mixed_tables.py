"""A table of mixed columns, and fits of few updates."""

import warnings

import numpy as np
import pandas as pd

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
