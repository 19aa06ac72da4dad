"""Which code made a number: a cell is made anew when that changes, and only then."""

import inspect
from pathlib import Path

import pytest

from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.methods import METHODS
from ebmark.store.provenance import code_hash, source_files
from ebmark.studies.builtin import STUDIES
from ebmark.studies.spec import run_specs


def names(*modules):
    return {path.name for path in source_files(*modules)}


@pytest.mark.parametrize("thing", [*(r.method for r in METHODS.values()), *DATASETS.values()])
def test_the_files_hold_every_class_that_a_method_or_law_is_made_of(thing):
    files = set(source_files(type(thing).__module__))
    ours = [c for c in type(thing).__mro__ if c.__module__.startswith("ebmark.")]
    assert {Path(inspect.getfile(c)) for c in ours} <= files


def test_a_cell_rests_on_its_own_method_and_law_and_on_what_they_import():
    files = names("ebmark.methods._fce", "ebmark.datasets.synthetic._moons")
    assert {"_fce.py", "_nce.py", "_contrastive.py", "_moons.py", "loop.py", "run.py"} <= files
    assert not {"_cd.py", "_dsm.py", "_rings.py", "_registry.py", "power.py"} & files


def test_a_plugin_may_use_anything():
    assert names("ebmark_plugin_mine", "ebmark.datasets.synthetic._moons") == names()
    assert code_hash("ebmark_plugin_mine") == code_hash()


def test_cells_of_one_method_and_law_share_a_hash_and_others_do_not():
    specs = run_specs(
        STUDIES["toy"], [SyntheticDataset("eight_gaussians"), SyntheticDataset("half_moons")], None
    )
    found = {(s["method"], s["dataset"]): set() for s in specs}
    for spec in specs:
        found[spec["method"], spec["dataset"]].add(spec["code_hash"])
    assert all(len(hashes) == 1 for hashes in found.values())
    assert len(set.union(*found.values())) == len(found)
