"""Tables and labels: what a CSV or FASTA file gives, and how its faults are reported."""

import contextlib
import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plmhead.data import parse_labels, read_labels, read_table
from plmhead.errors import InputError
from plmhead.sequences import RESIDUES

REAL = Path(__file__).resolve().parents[1] / ".." / "shared" / "data" / "antibodies"


@pytest.fixture
def write(tmp_path):
    def write(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refused(path: Path, need_labels: bool = True, **arguments: str) -> InputError:
    with pytest.raises(InputError) as caught:
        read_table(path, need_labels, **arguments)
    assert (caught.value.code, caught.value.where) == ("DATA", path.name)
    return caught.value


# --- CSV --------------------------------------------------------------------------------------------------------------


def test_csv_with_ids_and_other_columns(write):
    table = read_table(write("source,id,label,sequence\na,one,1,mk\nb,two,0, EV \n"), True)
    assert table.sequences == ["MK", "EV"]
    assert table.ids == ["one", "two"]
    assert table.labels is not None
    assert table.labels.tolist() == [1, 0]


def test_csv_without_ids_or_labels(write):
    table = read_table(write("sequence\nMK\nEV"), False)
    assert (table.sequences, table.labels, table.ids) == (["MK", "EV"], None, None)


def test_labels_are_left_alone_unless_asked_for(write):
    assert read_table(write("sequence,label\nMK,\nEV,7\n"), False).labels is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_csv_line_ends_byte_order_mark_and_quotes(write, end):
    content = end.join(['"sequence", label', '"MK",1', "", "EV,0", "", ""])
    table = read_table(write(b"\xef\xbb\xbf" + content.encode()), True)
    assert table.sequences == ["MK", "EV"]


def test_columns_may_have_other_names(write):
    path = write("name,VH,bad\nx,MK,yes\ny,EV,no\n")
    table = read_table(path, True, sequence_column="VH", label_column="bad", id_column="name")
    assert (table.sequences, table.ids) == (["MK", "EV"], ["x", "y"])
    error = refused(path)
    assert error.message == "found the columns name, VH, bad, expected a column 'sequence'"
    assert "--sequence-column" in str(error)
    assert "--label-column" in str(refused(path, sequence_column="VH"))


@pytest.mark.parametrize("separator", [";", "\t"])
def test_another_separator_is_recognised(write, separator):
    assert "commas" in str(refused(write(f"sequence{separator}label\nMK{separator}1\n")))


def test_a_column_named_twice_is_refused(write):
    assert "'label' more than once" in refused(write("sequence,label,label\nMK,1,0\n")).message
    assert read_table(write("sequence,,\nMK,,\n"), False).sequences == ["MK"]


@pytest.mark.parametrize("content", ["", "\n\n", b"\xef\xbb\xbf"])
def test_an_empty_file_has_no_columns(write, content):
    assert "found the columns none" in refused(write(content)).message


def test_a_table_without_rows_is_refused(write):
    assert refused(write("sequence,label\n\n")).message == "found no rows, expected at least one"


def test_every_bad_row_is_reported_by_its_line(write):
    content = 'sequence,label\nMK,1\n,1\nM*K,0\n\nMK, \nMK,0,9\nMK,nan\n"M\nK",1\n' + "A" * 1023 + ",1\nB,\nEV,0\n"
    lines = refused(write(content)).message.split("\n  ")
    assert lines == [
        "8 of 10 rows are not usable",
        "line 3: SEQUENCE_EMPTY: found no residue, expected at least one",
        f"line 4: SEQUENCE_LETTER: found '*' (U+002A) at position 2, expected one of {RESIDUES} or X",
        "line 6: found the label '', expected a class",
        "line 7: found 3 cells, expected 2",
        "line 8: found the label 'nan', expected a class",
        f"line 9: SEQUENCE_LETTER: found '\\n' (U+000A) at position 2, expected one of {RESIDUES} or X",
        "line 11: SEQUENCE_LENGTH: found 1023 residues, expected at most 1022",
        f"line 12: SEQUENCE_LETTER: found 'B' (U+0042) at position 1, expected one of {RESIDUES} or X; "
        "found the label '', expected a class",
    ]


def test_long_sequences_are_cut_only_when_asked_for(write):
    path = write("sequence\n" + "A" * 1023 + "\n")
    assert read_table(path, False, too_long="truncate").sequences == ["A" * 1022]
    assert "SEQUENCE_LENGTH" in refused(path, False).message


def test_at_most_twenty_rows_are_listed(write):
    at_limit = refused(write("sequence\n" + "*\n" * 20), False).message.split("\n  ")
    assert (len(at_limit), at_limit[-1][:8]) == (21, "line 21:")
    past = refused(write("sequence\n" + "*\n" * 25), False).message.split("\n  ")
    assert (past[0], len(past), past[-1]) == ("25 of 25 rows are not usable", 22, "and 5 more")


def test_files_that_are_no_text_are_refused(write, tmp_path):
    assert "line 2 is not UTF-8" in refused(write(b"sequence\nMK\xff\n")).message
    assert "line 2 is not CSV" in refused(write('sequence,label\n"MK,1\n')).message
    assert "cannot be read" in refused(tmp_path / "absent.csv").message
    assert ".csv, .fasta, .fa, .faa" in refused(write("MK", "table.xlsx")).message


@given(st.binary(max_size=60))
@settings(max_examples=200)
def test_any_bytes_give_a_table_or_our_error(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("fuzz")
    for name in ("x.csv", "x.fa"):
        (folder / name).write_bytes(b"sequence\n" + data if name == "x.csv" else b">" + data)
        with contextlib.suppress(InputError):
            assert all(read_table(folder / name, False).sequences)


@given(st.lists(st.tuples(st.text(RESIDUES, min_size=1, max_size=9), st.text(max_size=9)), min_size=1, max_size=5))
def test_what_a_csv_writer_writes_is_read_back(tmp_path_factory, rows):
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerows([("sequence", "id"), *rows])
    path = tmp_path_factory.mktemp("csv") / "table.csv"
    path.write_bytes(buffer.getvalue().encode())
    table = read_table(path, False)
    assert list(zip(table.sequences, table.ids or [], strict=True)) == rows


# --- FASTA ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".fasta", ".fa", ".faa", ".FASTA"])
def test_fasta(write, suffix):
    table = read_table(write("\n>one first\nMK\nev \n\n>\nEV\r\n", "heavy" + suffix), False)
    assert (table.sequences, table.ids, table.labels) == (["MKEV", "EV"], ["one", ""], None)


def test_fasta_faults_are_reported_by_the_line_of_the_header(write):
    error = refused(write(">a\n>b\nMK\n*\n>c\nM\u2028K\n>d\nMK\n", "x.fa"), False)
    assert [line[:24] for line in error.message.split("\n  ")[1:]] == [
        "line 1: SEQUENCE_EMPTY: ",
        "line 2: SEQUENCE_LETTER:",
        "line 5: SEQUENCE_LETTER:",
    ]
    assert "position 3" in error.message


def test_fasta_needs_headers_and_has_no_labels(write):
    assert "before the first header" in refused(write("MK\n>a\nMK\n", "x.fa"), False).message
    assert "found no rows" in refused(write("\n", "x.fa"), False).message
    assert "no labels" in refused(write(">a\nMK\n", "x.fa")).message


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "dtype", "values"),
    [
        (["0", "1", "1"], "int64", [0, 1, 1]),
        (["-1", "+1", " 2 "], "int64", [-1, 1, 2]),
        ([str(2**63 - 1), str(-(2**63))], "int64", [2**63 - 1, -(2**63)]),
        (["0.0", "1.0"], "float64", [0.0, 1.0]),
        (["0", "1.", "-0.0"], "float64", [0.0, 1.0, 0.0]),
        (["true", "False", "TRUE"], "bool", [True, False, True]),
        (["low", "high"], "<U4", ["low", "high"]),
        (["0", "true"], "<U4", ["0", "true"]),
        (["1e0", "2"], "<U3", ["1e0", "2"]),
        (["\u0661", "\u0662"], "<U1", ["\u0661", "\u0662"]),
    ],
)
def test_label_types(texts, dtype, values):
    labels = parse_labels(texts)
    assert labels.dtype == np.dtype(dtype)
    assert labels.tolist() == values


def test_minus_zero_is_zero():
    assert not np.signbit(parse_labels(["-0.0", "1.0"])).any()


@pytest.mark.parametrize(
    ("texts", "part"),
    [
        ([], "no labels"),
        (["1", "1"], "only the class 1"),
        (["1", "+1"], "only the class 1"),
        (["0.0", "-0.0"], "only the class 0.0"),
        (["true", "TRUE"], "only the class True"),
        (["a"], "only the class a"),
        (["0.5", "1.0"], "0.5"),
        (["1.0", "99999999999999999999.0"], "99999999999999999999.0"),
        (["0", str(2**63)], "64 bits"),
        (["0", "9" * 5000], "64 bits"),
    ],
)
def test_labels_that_are_no_classes(texts, part):
    with pytest.raises(InputError) as caught:
        parse_labels(texts)
    assert (caught.value.code, caught.value.where) == ("DATA", "labels")
    assert part in caught.value.message


def test_labels_of_a_file_without_sequences(write):
    labels = read_labels(write("name,bad\nx,1.0\ny,0.0\n"), label_column="bad")
    assert (labels.dtype, labels.tolist()) == (np.float64, [1.0, 0.0])


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("name,bad\nx,1\n", "expected a column 'label'"),
        ("label\n", "no labels"),
        ("label\n1\n1\n", "only the class 1"),
        (
            "name,label\nx,1\ny\nz,\n",
            "2 of 3 rows are not usable\n  line 3: found 1 cells, expected 2\n  line 4: found the label ''",
        ),
    ],
)
def test_faults_of_a_file_of_labels(write, content, part):
    path = write(content)
    with pytest.raises(InputError) as caught:
        read_labels(path)
    assert (caught.value.code, caught.value.where) == ("DATA", path.name)
    assert part in caught.value.message


# --- published data ---------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not REAL.is_dir(), reason="the published antibody tables are not beside this checkout")
@pytest.mark.parametrize(
    ("name", "rows", "dtype", "positive", "ids"),
    [
        ("boughter_vh_train.csv", 914, "float64", 471, False),
        ("jain_vh_test.csv", 86, "float64", 27, True),
        ("shehata_vh_test.csv", 398, "int64", 7, True),
    ],
)
def test_published_tables(name, rows, dtype, positive, ids):
    table = read_table(REAL / name, True)
    assert table.labels is not None
    assert (len(table.sequences), table.labels.dtype) == (rows, np.dtype(dtype))
    assert int(table.labels.sum()) == positive
    assert (table.ids is not None) == ids
