"""Trees on disk: a file of either mode of JAX is read in the other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ebmark.errors import UserError
from ebmark.training.tree_file import load_tree, save_tree


@pytest.mark.parametrize("wide", [False, True])
def test_load_tree_of_the_other_mode(tmp_path, wide):
    tree = {"a": np.arange(6.0).reshape(2, 3), "n": np.arange(3), "b": np.array([True])}
    narrow = {key: leaf.astype(leaf.dtype.str.replace("8", "4")) for key, leaf in tree.items()}
    stored, expected = (tree, narrow) if wide else (narrow, tree)
    save_tree(tmp_path / "tree", {}, stored)
    loaded = load_tree(tmp_path / "tree", expected)
    assert jax.tree.all(jax.tree.map(np.array_equal, loaded, expected))
    assert jax.tree.all(jax.tree.map(lambda a, b: a.dtype == b.dtype, loaded, expected))


@pytest.mark.parametrize("other", [jnp.zeros(3, int), jnp.zeros(2), jnp.zeros(3, jnp.float16)])
def test_load_tree_rejects_other_arrays(tmp_path, other):
    save_tree(tmp_path / "tree", {}, jnp.zeros(3))
    with pytest.raises(UserError, match="other arrays"):
        load_tree(tmp_path / "tree", other)
