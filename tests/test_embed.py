"""`plmhead embed`: what comes in and goes out, the same bits whatever the order, and bad records."""

from __future__ import annotations

import csv
import json
import random
import subprocess

import numpy as np
import pytest

pytest.importorskip("onnxruntime")

from tests.embed_runs import TINY, command, embed, files, sequences, write_csv, write_fasta
from tests.test_verbs import on_a_terminal

from plmhead.commands.embed import duration, progress_text
from plmhead.embed import Settings, embed_file
from plmhead.embed.records import Source
from plmhead.encode import load_encoder
from plmhead.errors import InputError


@pytest.fixture(scope="module")
def encoder():
    return load_encoder(TINY)


def run(encoder, source, out, **settings):
    """A run in this process; the summary, and the warnings."""
    warned: list[str] = []
    kind = {".fasta": "fasta", ".csv": "csv", ".parquet": "parquet"}[source.suffix]
    found = embed_file(Source(source, source.name, kind), out, encoder, Settings(**settings), warn=warned.append)
    return found, warned


def rows_of(path) -> dict[str, bytes | None]:
    """The bits of each row by its id; None for null."""
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(path)
    values = table.column("embedding").to_pylist()
    bits = [None if value is None else np.array(value, dtype="<f4").tobytes() for value in values]
    return dict(zip(table.column("id").to_pylist(), bits, strict=True))


# --- what comes in and goes out


def test_every_kind_of_input_gives_the_bits_of_the_encoder(tmp_path, encoder):
    texts = sequences(40)
    expected = encoder.embed(texts)
    sources = [write_fasta(tmp_path / "a.fasta", texts), write_csv(tmp_path / "a.csv", texts)]
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(arrow.table({"id": [f"s{n}" for n in range(40)], "sequence": texts}), tmp_path / "a.parquet")
    for source in [*sources, tmp_path / "a.parquet"]:
        out = tmp_path / f"{source.suffix[1:]}.npy"
        found, warned = run(encoder, source, out, shard_size=7)
        assert np.array_equal(np.load(out), expected)
        assert out.with_name(f"{out.name}.ids.csv").read_text().split() == ["id", *(f"s{n}" for n in range(40))]
        assert json.loads(out.with_name(f"{out.name}.contract.json").read_text()) == encoder.contract
        assert (found.rows, found.records, found.bad, found.shards, found.resumed) == (40, 40, 0, 6, 0)
        assert warned == []
    assert len([path for path in tmp_path.iterdir() if path.name.startswith(".") or "partial" in path.name]) == 0


def test_parquet_holds_the_contract_and_vectors_of_one_size(tmp_path, encoder):
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    texts = sequences(20)
    run(encoder, write_fasta(tmp_path / "a.fasta", texts), tmp_path / "a.parquet", shard_size=8)
    table = parquet.read_table(tmp_path / "a.parquet")
    assert table.schema.field("embedding").type == arrow.list_(arrow.float32(), 32)
    assert json.loads(table.schema.metadata[b"plmhead.embedding"]) == encoder.contract
    vectors = table.column("embedding").combine_chunks().flatten().to_numpy().reshape(-1, 32)
    assert np.array_equal(vectors, encoder.embed(texts))


@pytest.mark.parametrize("kind", ["fasta", "csv"])
def test_standard_input_as_a_pipe(tmp_path, kind):
    texts = sequences(12)
    source = {"fasta": write_fasta, "csv": write_csv}[kind](tmp_path / f"a.{kind}", texts)
    out = tmp_path / "a.npy"
    found = embed("-", out, "--format", kind, input=source.read_bytes())
    assert found["input_sha256"] == embed(source, tmp_path / "b.npy")["input_sha256"]
    assert out.read_bytes() == (tmp_path / "b.npy").read_bytes()
    assert not (tmp_path / "a.npy.partial").exists()


def test_other_columns_and_no_ids(tmp_path, encoder):
    (tmp_path / "a.csv").write_text("VH,name\nMKV,x\nEVQ,y\n")
    columns = {"sequence_column": "VH"}
    embed_file(Source(tmp_path / "a.csv", "a.csv", "csv", **columns), tmp_path / "a.npy", encoder, Settings())
    assert (tmp_path / "a.npy.ids.csv").read_text() == "id\n1\n2\n"
    columns["id_column"] = "name"
    embed_file(Source(tmp_path / "a.csv", "a.csv", "csv", **columns), tmp_path / "a.npy", encoder, Settings())
    assert (tmp_path / "a.npy.ids.csv").read_text() == "id\nx\ny\n"


def test_a_head_scores_the_npy(tmp_path, encoder):
    """The file is one that `plmhead score` takes."""
    import plmhead
    from plmhead.npy import check_length, read_header

    assert plmhead.__version__
    run(encoder, write_fasta(tmp_path / "a.fasta", sequences(9)), tmp_path / "a.npy")
    data = memoryview((tmp_path / "a.npy").read_bytes())
    header = read_header(data, "X")
    assert (header.descr, header.shape) == ("<f4", (9, 32))
    check_length(data, header, "X")


# --- the same bits


def test_the_bits_of_a_sequence_do_not_depend_on_its_neighbours(tmp_path, encoder):
    """Shuffled, with duplicates, in other shards, by way of the cache: always those of a run in order."""
    texts = sequences(150, seed=3)
    expected = dict(zip(texts, map(bytes, encoder.embed(texts)), strict=True))
    shuffled = texts + texts[:50]
    random.Random(5).shuffle(shuffled)
    source = write_fasta(tmp_path / "a.fasta", shuffled)
    counts = []
    for name, size, cache in (("small", 13, None), ("large", 4096, None), ("fills", 40, "c"), ("takes", 17, "c")):
        settings = {"shard_size": size, "cache": tmp_path / cache if cache else None}
        found, warned = run(encoder, source, tmp_path / f"{name}.npy", **settings)
        vectors = np.load(tmp_path / f"{name}.npy")
        assert [bytes(vector) for vector in vectors] == [expected[text] for text in shuffled], name
        assert warned == []
        counts.append((found.embedded, found.cached))
    assert counts[1] == (150, 0), "duplicates are embedded once"
    assert counts[2][0] == 150, "and those of an earlier shard are in the cache"
    assert counts[3][0] == 0


def test_another_encoder_finds_nothing_in_the_cache(tmp_path, encoder):
    source = write_fasta(tmp_path / "a.fasta", sequences(10))
    other = load_encoder("plmhead/random-esm1v-tiny")
    assert run(encoder, source, tmp_path / "a.npy", cache=tmp_path / "c")[0].embedded == 10
    assert run(other, source, tmp_path / "b.npy", cache=tmp_path / "c")[0].embedded == 10
    assert np.array_equal(np.load(tmp_path / "b.npy"), other.embed(sequences(10)))


# --- bad records

BAD = [("good", "MKV"), ("stop", "MK*V"), ("empty", ""), ("lower", "evqlv"), ("rare", " UMK")]


@pytest.fixture
def bad(tmp_path):
    path = tmp_path / "bad.fasta"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in BAD))
    return path


def test_stop_names_every_bad_record_before_anything_is_embedded(tmp_path, encoder, bad):
    with pytest.raises(InputError) as caught:
        run(encoder, bad, tmp_path / "a.npy")
    assert (caught.value.code, caught.value.where) == ("DATA", "bad.fasta")
    text = str(caught.value)
    assert "3 of 5 records cannot be embedded" in text
    assert "line 3, record 2 (stop): SEQUENCE_LETTER: found '*' (U+002A) at position 3" in text
    assert "line 5, record 3 (empty): SEQUENCE_EMPTY" in text
    assert "line 9, record 5 (rare): SEQUENCE_LETTER: found 'U' (U+0055) at position 1" in text
    assert "--on-error skip" in text
    assert files(tmp_path) == {"bad.fasta": bad.read_bytes()}


def test_only_the_first_bad_records_are_listed(tmp_path, encoder):
    source = write_fasta(tmp_path / "a.fasta", ["M*"] * 50)
    with pytest.raises(InputError, match=r"50 of 50 records(?s:.*)and 30 more"):
        run(encoder, source, tmp_path / "a.npy")


def errors_of(path):
    with open(f"{path}.errors.csv", newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_skip_leaves_them_out_and_says_which(tmp_path, encoder, bad):
    found, _ = run(encoder, bad, tmp_path / "a.npy", on_error="skip", shard_size=2)
    assert (found.rows, found.records, found.bad) == (2, 5, 3)
    assert np.array_equal(np.load(tmp_path / "a.npy"), encoder.embed(["MKV", "EVQLV"]))
    assert (tmp_path / "a.npy.ids.csv").read_text() == "id\ngood\nlower\n"
    header, *rows = errors_of(tmp_path / "a.npy")
    assert header == ["record", "line", "id", "code", "position", "message"]
    assert [row[:5] for row in rows] == [
        ["2", "3", "stop", "SEQUENCE_LETTER", "3"],
        ["3", "5", "empty", "SEQUENCE_EMPTY", ""],
        ["5", "9", "rare", "SEQUENCE_LETTER", "1"],
    ]


def test_report_keeps_their_rows(tmp_path, encoder, bad):
    run(encoder, bad, tmp_path / "a.npy", on_error="report", shard_size=2)
    vectors = np.load(tmp_path / "a.npy")
    assert np.isnan(vectors[[1, 2, 4]]).all()
    assert np.array_equal(vectors[[0, 3]], encoder.embed(["MKV", "EVQLV"]))
    run(encoder, bad, tmp_path / "a.parquet", on_error="report", shard_size=2)
    rows = rows_of(tmp_path / "a.parquet")
    assert {name: value is None for name, value in rows.items()} == {
        "good": False, "stop": True, "empty": True, "lower": False, "rare": True,
    }  # fmt: skip
    assert rows["good"] == vectors[0].tobytes()


def test_a_run_without_bad_records_removes_the_errors_of_an_earlier_one(tmp_path, encoder, bad):
    run(encoder, bad, tmp_path / "a.npy", on_error="skip")
    run(encoder, write_fasta(tmp_path / "good.fasta", sequences(3)), tmp_path / "a.npy", on_error="skip")
    assert not (tmp_path / "a.npy.errors.csv").exists()


def test_nothing_but_bad_records(tmp_path, encoder):
    source = write_fasta(tmp_path / "a.fasta", ["M*", ""])
    with pytest.raises(InputError, match="2 of 2 records cannot"):
        run(encoder, source, tmp_path / "a.npy", on_error="skip")
    found, _ = run(encoder, source, tmp_path / "a.npy", on_error="report")
    assert (found.rows, found.embedded, np.load(tmp_path / "a.npy").shape) == (2, 0, (2, 32))


def test_too_long_is_an_error_or_cut(tmp_path):
    source = write_fasta(tmp_path / "a.fasta", ["M" * 1023])
    done = subprocess.run(command(source, tmp_path / "a.npy"), capture_output=True, text=True)
    assert (done.returncode, "SEQUENCE_LENGTH: found 1023 residues" in done.stderr) == (1, True)
    embed(source, tmp_path / "a.npy", "--too-long", "truncate")
    assert np.array_equal(np.load(tmp_path / "a.npy"), load_encoder(TINY).embed(["M" * 1022]))


# --- the command

WRONG = [
    (["-o", "x.txt", "--encoder", TINY], "expected .parquet or .npy"),
    (["-o", "x.npy"], "required: --encoder"),
    (["--encoder", TINY], "required: -o/--out"),
    (["-o", "x.npy", "--encoder", TINY, "--shard-size", "0"], "expected 1 to"),
    (["-o", "x.npy", "--encoder", TINY, "--on-error", "ignore"], "--on-error"),
]


@pytest.mark.parametrize(("options", "text"), WRONG)
def test_a_wrong_command_line_is_2(tmp_path, options, text, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = run("embed", write_fasta(tmp_path / "a.fasta", ["MK"]), *options)
    assert (done.returncode, text in done.stderr) == (2, True), done.stderr
    assert sorted(files(tmp_path)) == ["a.fasta"]


@pytest.mark.parametrize(("name", "found"), [("-", "standard input"), ("a.txt", "the suffix '.txt'")])
def test_a_format_that_nothing_says_is_asked_for(run, name, found):
    done = run("embed", name, "--encoder", TINY, "-o", "x.npy")
    assert (done.returncode, f"found {found}" in done.stderr) == (2, True), done.stderr


def test_what_is_no_file_is_not_replaced(tmp_path, encoder):
    (tmp_path / "a.npy").mkdir()
    with pytest.raises(InputError, match=r"OUTPUT .* found no regular file"):
        run(encoder, write_fasta(tmp_path / "a.fasta", ["MK"]), tmp_path / "a.npy")
    with pytest.raises(InputError, match="OUTPUT"):
        run(encoder, tmp_path / "a.fasta", tmp_path / "gone" / "a.npy")


def test_progress_is_for_a_terminal_and_vanishes(tmp_path):
    source = write_fasta(tmp_path / "a.fasta", sequences(60))
    words = ["embed", source, "--encoder", TINY, "-o", tmp_path / "a.npy", "--shard-size", 10]
    shown = on_a_terminal(words)
    assert "embedding: 60 of 60, " in shown
    assert "a second" in shown
    line = shown.split("\n")[1].rsplit("output", 1)[0]
    assert line.endswith(" \r"), "overwritten before the summary"
    done = subprocess.run(command(source, tmp_path / "a.npy"), capture_output=True, text=True, check=True)
    assert "embedding:" not in done.stdout + done.stderr
    assert done.stderr.splitlines() == [
        f"plmhead: warning: the encoder {TINY} has random weights: for trying things, not for science"
    ]


def test_the_words_of_progress():
    assert progress_text(50, 100, 0, 5.0) == "50 of 100, 10 a second, 5 s left"
    assert progress_text(60, 100, 50, 5.0) == "60 of 100, 2 a second, 20 s left", "what took no work has no rate"
    assert progress_text(50, 100, 50, 5.0) == "50 of 100"
    assert progress_text(1500, None, 0, 1.0) == "1,500, 1,500 a second"
    assert [duration(each) for each in (59.4, 61, 3700)] == ["59 s", "1 min 01 s", "1 h 01 min"]


def test_a_cache_needs_an_encoder_that_can_be_told_apart(tmp_path, run):
    """An ONNX file of one's own whose entry names no weights."""
    from plmhead.encode import list_encoders
    from plmhead.shipped import FOLDER

    entry = next(each for each in list_encoders() if each["name"] == TINY)
    (tmp_path / "own.onnx").write_bytes((FOLDER / entry["file"]).read_bytes())
    own = {**entry, "name": "own", "file": "own.onnx", "weights_sha256": None}
    (tmp_path / "own.json").write_text(json.dumps(own))
    source = write_fasta(tmp_path / "a.fasta", ["MK"])
    words = ["embed", source, "--encoder", tmp_path / "own.onnx", "-o", tmp_path / "a.npy"]
    done = run(*words, "--cache", tmp_path / "c")
    assert (done.returncode, "found no digest of the weights of own" in done.stderr) == (2, True), done.stderr
    assert sorted(files(tmp_path)) == ["a.fasta", "own.json", "own.onnx"]
    assert run(*words).returncode == 0
