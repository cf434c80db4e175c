"""Records as `plmhead embed` reads them: streams, positions, and files that are not what they are said to be."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.embed_runs import sequences, write_csv, write_fasta

from plmhead.data import MAX_CHARACTERS
from plmhead.embed.records import Source, format_of, records, windows
from plmhead.errors import InputError
from plmhead.sequences import ASCII_SPACE, RESIDUES


@pytest.fixture
def read(tmp_path):
    """The records of a file with this content."""

    def read(content: str | bytes, kind: str = "fasta", **columns: str):
        path = tmp_path / f"a.{kind}"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return list(records(Source(path, path.name, kind, **columns)))

    return read


def refused(read, content, kind="fasta", **columns) -> str:
    with pytest.raises(InputError) as caught:
        read(content, kind, **columns)
    assert (caught.value.code, caught.value.where) == ("DATA", f"a.{kind}")
    return str(caught.value)


def test_formats_by_suffix():
    found = [format_of(name) for name in ("a.fasta", "b/A.FA", "a.faa", "a.csv", "a.parquet", "a.txt", "fasta", "-")]
    assert found == ["fasta", "fasta", "fasta", "csv", "parquet", None, None, None]


def test_records_have_numbers_lines_and_ids(read):
    found = read("\n>one first\nMK\nVV\n\n>two\r\nev\r\n>\nM\n")
    assert [(each.number, each.line, each.id, each.sequence) for each in found] == [
        (1, 2, "one", "MKVV"), (2, 6, "two", "EV"), (3, 8, "", "M"),
    ]  # fmt: skip
    found = read('id,sequence\na,MK\n\n"b\nc",EV\nd,M\n', "csv")
    assert [(each.line, each.id, each.sequence) for each in found] == [(2, "a", "MK"), (4, "b\nc", "EV"), (6, "d", "M")]


@given(st.lists(st.text(RESIDUES + "X" + ASCII_SPACE + "*-.é1ſ", max_size=30), max_size=8))
def test_the_position_is_that_of_the_letter(tmp_path_factory, texts):
    path = write_csv(tmp_path_factory.mktemp("r") / "a.csv", texts)
    found = list(records(Source(path, "a.csv", "csv")))
    assert len(found) == len(texts)
    for record, text in zip(found, texts, strict=True):
        stripped = text.strip(ASCII_SPACE)
        foreign = [place for place, letter in enumerate(stripped, 1) if letter not in RESIDUES + "X"]
        if foreign:
            assert (record.sequence, record.fault.position) == (None, foreign[0])
            assert f"at position {foreign[0]}," in record.fault.message
        elif stripped:
            assert (record.sequence, record.fault) == (stripped, None)
        else:
            assert record.fault.code == "SEQUENCE_EMPTY"


@given(st.binary(max_size=300), st.sampled_from(["fasta", "csv", "parquet"]))
def test_whatever_the_bytes_there_are_records_or_an_error(tmp_path_factory, data, kind):
    pytest.importorskip("pyarrow")
    path = tmp_path_factory.mktemp("r") / "a"
    path.write_bytes(data)
    try:
        found, code = list(records(Source(path, "a", kind))), "DATA"
    except InputError as fault:
        found, code = [], fault.code
    assert code == "DATA"
    assert all((each.sequence is None) != (each.fault is None) for each in found)


@given(st.integers(1, 30), st.integers(1, 12))
def test_windows_are_the_records_in_order(tmp_path_factory, count, size):
    path = write_fasta(tmp_path_factory.mktemp("r") / "a.fasta", sequences(count))
    source = Source(path, "a", "fasta")
    found = list(windows(source, size))
    assert [record for window in found for record in window] == list(records(source))
    assert {len(window) for window in found[:-1]} <= {size}


def test_what_is_no_fasta(read):
    (record, *_) = read("MKV\n>a\nM\n")
    assert "before the first header" in record.fault.message
    assert "line 3 is not UTF-8" in refused(read, b">a\nMK\n>b\xff\nMK\n")
    assert "line 1 is not UTF-8" in refused(read, ">a\nMK\n".encode("utf-16"))
    assert "line 3 is not UTF-8" in refused(read, b">a\n" + b"M" * 100_000 + b"\n\xff\n")
    assert read("") == []


def test_a_line_without_end_fills_no_memory(read):
    assert "line 2 has more than 1048576 characters" in refused(read, ">a\n" + "M" * (MAX_CHARACTERS + 1))


def test_a_record_without_end_is_bad_and_the_next_is_read(read):
    first, second = read(">a\n" + ("M" * 1000 + "\n") * 1100 + ">b\nMK\n")
    assert "found 1100000 characters in a sequence" in first.fault.message
    assert second.sequence == "MK"


def test_what_is_no_csv(read):
    assert "expected a column 'sequence'" in refused(read, "id,seq\na,MK\n", "csv")
    assert "--sequence-column" in refused(read, "id,seq\na,MK\n", "csv")
    assert "no column 'name', which --id-column names" in refused(read, "sequence\nMK\n", "csv", id_column="name")
    assert "line 2 is not CSV" in refused(read, 'sequence\n"MK\n' + "M" * 200_000, "csv")
    assert read("sequence,id\nMK\nEV,b\n", "csv")[0].fault.message == "found 1 cells, expected 2"


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"DATA \(gone\): cannot be read: No such file"):
        list(records(Source(tmp_path / "gone", "gone", "fasta")))


def parquet_bytes(columns: dict, **types: object) -> bytes:
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    made = {name: arrow.array(values, type=types.get(name)) for name, values in columns.items()}
    file = io.BytesIO()
    parquet.write_table(arrow.table(made), file)
    return file.getvalue()


def test_kinds_of_text_and_ids_in_parquet(read):
    arrow = pytest.importorskip("pyarrow")
    kinds = (arrow.string(), arrow.large_string(), arrow.dictionary(arrow.int32(), arrow.string()))
    for kind in kinds:
        data = parquet_bytes({"sequence": ["MK", None, "ev"], "id": [7, None, 9]}, sequence=kind)
        found = read(data, "parquet")
        assert [(each.line, each.id, each.sequence) for each in found] == [
            (1, "7", "MK"),
            (2, "", None),
            (3, "9", "EV"),
        ]
        assert found[1].fault.message == "found null, expected a sequence"
    assert [each.id for each in read(parquet_bytes({"sequence": ["MK", "EV"]}), "parquet")] == ["1", "2"]


def test_what_is_no_parquet(read):
    good = parquet_bytes({"sequence": sequences(500), "id": list(range(500))})
    assert "is no Parquet file that can be read" in refused(read, b"PAR1 and no more", "parquet")
    assert "is no Parquet file that can be read" in refused(read, good[: len(good) // 2], "parquet")
    damaged = good[:100] + b"\xa5" * 400 + good[500:]
    assert "damaged after row" in refused(read, damaged, "parquet")
    assert "found the columns sequence, id, expected one column 'VH'" in refused(
        read, good, "parquet", sequence_column="VH"
    )
    assert "found int64 in the column 'id', expected text" in refused(read, good, "parquet", sequence_column="id")
    assert "expected one column 'name'; name the column that holds it: --id-column" in refused(
        read, good, "parquet", id_column="name"
    )


def test_without_pyarrow_the_line_that_brings_it(read, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportError, match=r"pip install 'plmhead\[parquet\]'"):
        read(b"PAR1", "parquet")
