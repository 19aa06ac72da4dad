"""Repair: damaged files are removed and named; complete ones stay as they are."""

import shutil

import pytest
from helpers.stored import SEARCH, build_stored

from ebmark.errors import UserError
from ebmark.store.repair import remove_damaged
from ebmark.system.listed_files import check_listed

OTHERS = ("model.ebm", "null_ranges.json", "results.csv.zst")  # not of this study


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "study"
    readers = build_stored(folder)
    return folder, [path.relative_to(folder) for path in readers if path.name not in OTHERS]


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("which", range(11))
@pytest.mark.parametrize("damage", [b"", b"x"])
def test_repair_removes_only_what_is_damaged(whole, tmp_path, which, damage):
    source, paths = whole
    assert len(paths) == 11
    path = paths[which]
    folder = tmp_path / "study"
    shutil.copytree(source, folder)
    before = contents(folder)
    names = [place.name for place in (folder / "runs").iterdir()]
    assert remove_damaged(folder, names) == [] and contents(folder) == before
    (folder / path).write_bytes(damage and before[path] + damage)
    notes = remove_damaged(folder, names)
    assert any(path.parent.name in note for note in notes)
    after = contents(folder)
    assert {name for name, content in after.items() if before[name] != content} <= {
        type(path)("SHA256SUMS")
    }
    gone = set(before) - set(after)
    if path.name == "SHA256SUMS":  # a file whose line is damaged cannot be verified
        assert gone <= {type(path)(n) for n in ("results.csv", "results.parquet")} | {
            name for name in before if name.name.startswith("points-")
        }
    elif path.parts[0] == "runs":
        assert gone == {name for name in before if name.parent == path.parent}
    else:
        assert gone == {path}
    check_listed(folder)


def test_run_that_is_not_named_is_kept(whole, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(whole[0], folder)
    (folder / "runs" / SEARCH / "result.json").write_bytes(b"")
    assert remove_damaged(folder, []) == []
    assert (folder / "runs" / SEARCH).exists()


def test_another_schema_is_no_damage(whole, tmp_path):
    folder = tmp_path / "study"
    shutil.copytree(whole[0], folder)
    (folder / "study.json").write_text('{"schema": 3}')
    with pytest.raises(UserError, match="written by another version"):
        remove_damaged(folder, [])
    assert (folder / "study.json").exists()
