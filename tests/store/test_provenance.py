"""The hash of the code behind a number: a run is repeated when that changes, and only then."""

import inspect
from pathlib import Path

import pytest

import ebmark
from ebmark.datasets import DATASETS, SyntheticDataset
from ebmark.methods import METHODS
from ebmark.store import provenance
from ebmark.store.provenance import code_hash, source_files
from ebmark.studies.builtin import STUDIES
from ebmark.studies.spec import run_specs

ROOT = Path(ebmark.__file__).parent


def names(*modules):
    return {path.relative_to(ROOT).as_posix() for path in source_files(*modules)}


@pytest.mark.parametrize("part", [*(r.method for r in METHODS.values()), *DATASETS.values()])
def test_source_files_contain_all_base_classes(part):
    """Of every method and dataset."""
    files = set(source_files(type(part).__module__))
    classes = [c for c in type(part).__mro__ if c.__module__.startswith("ebmark.")]
    assert {Path(inspect.getfile(c)) for c in classes} <= files


def test_source_files_are_method_dataset_and_imports():
    files = names("ebmark.methods._fce", "ebmark.datasets.synthetic._moons")
    needed = {"methods/_fce.py", "methods/_nce.py", "methods/families/_contrastive.py"}
    needed |= {"datasets/synthetic/_moons.py", "training/loop.py", "studies/run.py"}
    assert needed <= files
    others = {"methods/_cd.py", "methods/_dsm.py", "datasets/synthetic/_rings.py"}
    others |= {"datasets/_registry.py", "metrics/power.py"}
    assert not others & files
    assert all((ROOT / name).exists() for name in others)


def test_source_files_of_plugin_are_all_files():
    """A plugin may use any of them."""
    assert names("ebmark_plugin_mine", "ebmark.datasets.synthetic._moons") == names()
    assert code_hash("ebmark_plugin_mine") == code_hash()


def test_docstrings_do_not_change_the_code_hash(tmp_path, monkeypatch):
    """Those of a module, a class and a function; any other string does."""
    code = (
        '"""a"""\nclass A:\n    """b\n\n    c\n    """\n'
        '    def f(self):\n        r"""d"""\n        return "e"\n'
    )
    path = tmp_path / "code.py"
    monkeypatch.setattr(provenance, "source_files", lambda: [path])
    monkeypatch.setattr(provenance, "_root", lambda: tmp_path)

    def hash_of(text):
        path.write_text(text)
        return code_hash.__wrapped__()

    for changed in ('"""a"""', '"""b\n', "    c\n", 'r"""d"""'):
        assert changed in code and hash_of(code.replace(changed, changed.upper())) == hash_of(code)
    assert hash_of(code.replace('"e"', '"E"')) != hash_of(code)


def test_code_hash_differs_between_methods_and_datasets():
    datasets = [SyntheticDataset("eight_gaussians"), SyntheticDataset("half_moons")]
    hashes: dict[tuple, set[str]] = {}
    for spec in run_specs(STUDIES["toy"], datasets, None):
        hashes.setdefault((spec["method"], spec["dataset"]), set()).add(spec["code_hash"])
    assert all(len(of_pair) == 1 for of_pair in hashes.values())
    assert len(set.union(*hashes.values())) == len(hashes)
