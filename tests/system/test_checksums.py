"""Every stored file: no change of its bytes is read without an error that names a fix.

`./dev test --full -s tests/system/test_checksums.py` flips 10,000 bits.
"""

import json
import random

import pytest
from helpers.fuzzing import CUTS, cut
from helpers.stored import build_stored
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebmark.errors import UserError
from ebmark.system.checksums import has_seal, sealed
from ebmark.system.listed_files import SUMS, check_listed, read_listed, write_listed


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Each stored file, its content, and how it is read."""
    readers = build_stored(tmp_path_factory.mktemp("stored"))
    return [(path, path.read_bytes(), read) for path, read in readers.items()]


def is_silent(path, damaged, content, read) -> bool:
    """Whether the damaged file is read without an error; the file is restored."""
    path.write_bytes(damaged)
    try:
        read()
    except UserError as error:
        message = str(error)
        assert path.parent.name in message and message.endswith("."), message
        return False
    finally:
        path.write_bytes(content)
    return True


def flip(stored, num_flips: int) -> list[str]:
    """Flip bits, one at a time and as many of each file, and return the silent ones."""
    chance = random.Random(20_261_129)
    silent = []
    for index in range(num_flips):
        path, content, read = stored[index % len(stored)]
        place = chance.randrange(len(content))
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        if is_silent(path, damaged, content, read):
            silent.append(f"{path.name}: byte {place}")
    return silent


def test_files_are_read_before_damage(stored):
    for _, _, read in stored:
        read()


def test_flipped_bits_are_not_silent(stored):
    assert flip(stored, 520) == []


@pytest.mark.full
def test_10_000_flipped_bits_are_not_silent(stored, capsys):
    silent = flip(stored, 10_000)
    with capsys.disabled():
        print(f"\n10,000 flipped bits in {len(stored)} kinds of file: {len(silent)} silent")
    assert silent == []


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
@given(st.integers(0, 10**6), CUTS)
def test_other_damage_is_not_silent(stored, which, cuts):
    """Bytes flipped, cut, inserted, copied, dropped or set to zero."""
    path, content, read = stored[which % len(stored)]
    damaged = cut(content, cuts)
    # an empty list and a list of other files are valid lists: the files then lack a checksum
    if damaged != content:
        assert not is_silent(path, damaged, content, read)


@given(
    st.dictionaries(
        st.text(max_size=8), st.integers() | st.text(max_size=8) | st.lists(st.booleans())
    ),
    st.sampled_from([None, 1]),
)
def test_sealed_document_is_unchanged(document, indent):
    """Its values are those given, and its checksum is right."""
    content = sealed(document, indent=indent)
    values = json.loads(content)
    assert has_seal(content) and values.pop("schema") == 2 and values.pop("checksum")
    assert values == {k: v for k, v in document.items() if k not in ("schema", "checksum")}


def test_killed_writer_leaves_a_readable_file(tmp_path, monkeypatch):
    """After each step of a replacement, the file is read: old before the rename, then new."""
    path = tmp_path / "results.csv"
    write_listed(path, b"old")
    from ebmark.system import listed_files

    write = listed_files.write_whole
    for step, expected in enumerate([b"old", b"old", b"new"]):
        write_listed(path, b"old")
        remaining = iter(range(step))

        def die(place, content, remaining=remaining):
            if next(remaining, None) is None:
                raise KeyboardInterrupt
            write(place, content)

        monkeypatch.setattr(listed_files, "write_whole", die)
        with pytest.raises(KeyboardInterrupt):
            write_listed(path, b"new")
        monkeypatch.setattr(listed_files, "write_whole", write)
        assert read_listed(path) == expected
        check_listed(tmp_path)
    write_listed(path, b"newer")
    assert len((tmp_path / SUMS).read_text().splitlines()) == 1
