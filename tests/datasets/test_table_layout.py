"""The separator, the names and the rows of text tables, and the notes on what is uncertain."""

import numpy as np
import pandas as pd
import pytest

from ebmark.datasets.tables import read_points, read_table, write_table

RNG = np.random.default_rng(0)
NUM = 60
X = RNG.normal(size=(NUM, 2)).round(3).tolist()
COUNTS = RNG.integers(100, 900, (NUM, 2)).tolist()
REGIONS = ["north", "south", "east", "west"]


def rows_of(template, numbers=X):
    """Return one row per pair of numbers; {r} is a region, {w} a word that occurs once."""
    return [
        template.format(
            a=a, b=b, i=i, r=REGIONS[i % 4], w=f"City{chr(97 + i % 26)}{chr(97 + i // 26)}"
        )
        for i, (a, b) in enumerate(numbers)
    ]


def read(tmp_path, rows):
    path = tmp_path / "table.csv"
    path.write_text("\n".join(rows) + "\n")
    return read_table(path)


NAMED = {
    "years above fractions": ("region,2019,2020", "{r},{a},{b}", X),
    "years above counts": ("region,2019,2020", "{r},{a},{b}", COUNTS),
    "years beside words that occur once": ("city,2019,2020", "{w},{a},{b}", X),
    "years above counts, words once": ("city,2019,2020", "{w},{a},{b}", COUNTS),
    "one year": ("region,2020", "{r},{a}", COUNTS),
    "text above numbers": ("x,2020", "{a},{b}", X),
    "text above numbers, a number that occurs": ("x,7", "{a},7", X),
    "quantiles": ("kind,0.05,0.95", "{r},{a}1,{b}1", X),
    "dates": ("date,1,2", "2024-01-{i:02},{a},{b}", X),
    "row numbers of pandas": (",2019,2020", "{i},{a},{b}", X),
    "missing values": ("region,2019,2020", "{r},NA,{b}", X),
    "all quoted": ('"2020","kind"', '"{w}","{r}"', X),
}


@pytest.mark.parametrize(("header", "row", "numbers"), NAMED.values(), ids=NAMED.keys())
def test_names_that_are_numbers_are_names(tmp_path, header, row, numbers):
    table = read(tmp_path, [header, *rows_of(row, numbers)])
    names = header.replace('"', "").strip(",").split(",")
    assert [*table.frame.columns] == names and len(table.frame) == NUM
    assert ("was read as column names" in "".join(table.notes)) == ('"' not in header)


UNNAMED = {
    "levels": ("{r},{a},{b}", X),
    "levels and counts": ("{r},{a},{b}", COUNTS),
    "levels last": ("{a},{b},{r}", X),
    "identifiers": ("u{i},{a},{b}", X),
    "words that occur once": ("{w},{a},{b}", X),
    "words that occur once, and counts": ("{w},{a},{b}", COUNTS),
    "dates": ("2024-01-{i:02},{a},{b}", COUNTS),
    "quoted": ('"{r}","{a}"', X),
    "numbers": ("{a},{b}", X),
    "counts": ("{a},{b}", COUNTS),
}


@pytest.mark.parametrize(("row", "numbers"), UNNAMED.values(), ids=UNNAMED.keys())
def test_rows_without_names_stay_rows(tmp_path, row, numbers):
    frame = read(tmp_path, rows_of(row, numbers)).frame
    assert frame.columns[0] == "x1" and len(frame) == NUM


def test_uncertain_first_line_is_noted(tmp_path):
    table = read(tmp_path, ["Kabul,150,720", *rows_of("{w},{a},{b}", COUNTS)])
    assert len(table.frame) == NUM + 1 and "was read as a row" in table.notes[0]


SEPARATED = {
    "semicolons in text": ("title,genres,rating", "T {i},Action;Drama,{a}", ","),
    "bars in text": ("title,genres,rating", "T {i},Action|Drama,{a}", ","),
    "tabs in text": ("title,genres,rating", "T {i},Action\tDrama,{a}", ","),
    "quoted text": ('"title","genres","rating"', '"T {i}","Action;Drama",{a}', ","),
    "text only": ("title,genres", "T {i},Action;Drama", ","),
    "numbers in text": ("a,tags,b", "{i},1;{i},{a}", ","),
    "notes of two lines": ("a,b,note", '{a},{b},"one, two\nthree; four"', ","),
    "notes in front": ("note,a,b", '"one; two\n\nthree, four",{a},{b}', ","),
    "names of two lines": ('"size\n(cm)",b', "{a},{b}", ","),
    "inches": ("a,size,b", '{a},5" pipe,{b}', ","),
    "two words": ("first name,last name", "Ann {w},Lee {r}", ","),
    "commas in text": ("name;age", "Smith, {w};{a}", ";"),
    "bars": ("name|age", "Smith, {w}; Ann|{a}", "|"),
    "tabs": ("name\tage", "Smith, {w}\t{a}", "\t"),
}


@pytest.mark.parametrize(("header", "row", "separator"), SEPARATED.values(), ids=SEPARATED.keys())
def test_separator_agrees_in_names_and_rows(tmp_path, header, row, separator):
    table = read(tmp_path, [header, *rows_of(row)])
    names = [" ".join(name.strip('"').split()) for name in header.split(separator)]
    assert [*table.frame.columns] == names and len(table.frame) == NUM
    assert table.notes == ()


@pytest.mark.parametrize("row", ["T {i},Action;Drama,{a}", '"T {i}",Action|Drama,{a}'])
def test_separator_without_names(tmp_path, row):
    assert read(tmp_path, rows_of(row)).frame.shape == (NUM, 3)


@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
@pytest.mark.parametrize("names", [["2020", "kind"], ["kind", "1e5"], ["2019", "2020"], ["a", "b"]])
def test_written_names_read_back(tmp_path, suffix, names):
    texts = [f"{REGIONS[i % 4]}; or, {i % 3}\nline|two" for i in range(NUM)]
    for columns in (
        [texts, texts],
        [np.array(X)[:, 0], texts],
        [np.arange(NUM), np.array(X)[:, 1]],
    ):
        frame = pd.DataFrame(dict(zip(names, columns, strict=True)))
        write_table(tmp_path / f"x{suffix}", frame)
        pd.testing.assert_frame_equal(read_table(tmp_path / f"x{suffix}").frame, frame)


COLORS = [f"#{i:02x}00ff" for i in range(NUM)]
HASHES = {
    "colors": ["color,b", *(f"{color},{i}.5" for i, color in enumerate(COLORS))],
    "some colors": [
        "color,b",
        *(f"{[color, 'red'][i % 2]},{i}.5" for i, color in enumerate(COLORS)),
    ],
    "one column": ["color", *COLORS],
    "second column": ["b,color", *(f"{i}.5, {color}" for i, color in enumerate(COLORS))],
    "quoted": ["color,b", *(f'"{color}",{i}.5' for i, color in enumerate(COLORS))],
    "line breaks": ["note,b", *(f'"a\n{color}",{i}.5' for i, color in enumerate(COLORS))],
    "names": ["b,#n", *(f"{i}.5,{i}" for i in range(NUM))],
    "in a cell": ["b,code", *(f"{i}.5,{i}#2" for i in range(NUM))],
}


@pytest.mark.parametrize("rows", HASHES.values(), ids=HASHES.keys())
def test_rows_with_hashes_are_kept(tmp_path, rows):
    table = read(tmp_path, ["# a comment", *rows])
    assert len(table.frame) == NUM and table.notes == ()
    texts = [*table.frame.select_dtypes("str").to_numpy().ravel()]
    assert all("#" in text or text == "red" for text in texts)
    write_table(tmp_path / "y.csv", table.frame)
    pd.testing.assert_frame_equal(read_table(tmp_path / "y.csv").frame, table.frame)


@pytest.mark.parametrize("row", ["{a},{b}", "{r},{b}"])
def test_skipped_comments_are_counted(tmp_path, row):
    rows = rows_of(row)
    table = read(tmp_path, ["a,b", *rows[:9], "# part two", *rows[9:], "# the end"])
    assert len(table.frame) == NUM
    assert table.notes[0].startswith('2 lines that begin with "#" were skipped as comments')


def test_rows_that_are_commented_out_are_counted(tmp_path):
    table = read(tmp_path, ["a,b", *rows_of("{a},{b}"), "#1.5,2.5"])
    assert len(table.frame) == NUM and table.notes[0].startswith('1 line that begins with "#"')
    points = read_points(tmp_path / "table.csv")
    assert len(points.x) == NUM and points.notes[0] == table.notes[0]


def test_comments_after_numbers_are_noted(tmp_path):
    table = read(tmp_path, ["a,b", *rows_of("{a},{b}"), "1.5,2.5 # checked"])
    assert table.frame.dtypes.tolist() == [float, float] and 'after " #"' in table.notes[0]
