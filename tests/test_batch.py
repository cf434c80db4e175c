"""Record batches in, record batches out: the scores of the head and the encoder, every row in its place, errors as rows."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from conformance.bundle import cases
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import plmhead
from plmhead.errors import InputError
from plmhead.sequences import RESIDUES

pa = pytest.importorskip("pyarrow")
pytest.importorskip("onnxruntime")
from pyarrow import parquet  # noqa: E402

from plmhead.batch import Columns, Model, open_model, schema_of, score  # noqa: E402
from plmhead.batch_files import Scored, read_batches, score_file  # noqa: E402

HEAD = Path(__file__).resolve().parents[1] / "examples" / "head"
LETTERS = RESIDUES + RESIDUES.lower() + "X *-"


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(HEAD)


@pytest.fixture(scope="module")
def softmax(tmp_path_factory) -> Model:
    from sklearn.linear_model import LogisticRegression

    X = np.random.default_rng(0).normal(size=(90, 4))
    labels = np.array(["a", "b", "c"])[np.argmax(X[:, :3], axis=1)]
    path = tmp_path_factory.mktemp("softmax") / "head"
    plmhead.save(LogisticRegression().fit(X, labels), path, quiet=True)
    return open_model(path, sequences=False)


def of_texts(texts, **more):
    return pa.record_batch({"sequence": pa.array(texts, pa.string()), **more})


def of_vectors(x, name="embedding"):
    kind = pa.list_(pa.from_numpy_dtype(x.dtype), x.shape[1])
    return pa.record_batch({name: pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), type=kind)})


def alone(head, vectors):
    """What the head makes of one row, or the code of its refusal."""
    try:
        return head.score_all(vectors())
    except InputError as fault:
        return fault.code


def table(batches) -> pa.Table:
    return pa.Table.from_batches(list(batches))


@settings(max_examples=25, deadline=None)
@given(st.lists(st.none() | st.text(LETTERS, max_size=20), max_size=12), st.data())
def test_every_row_comes_out_scored_as_alone_or_with_its_error(model, texts, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(texts)), max_size=3)))
    whole = of_texts(texts)
    parts = [whole.slice(a, b - a) for a, b in zip([0, *cuts], [*cuts, len(texts)], strict=True)]
    found = pa.Table.from_batches(score(parts, model), schema_of(model)).to_pylist()
    assert [row["id"] for row in found] == [str(n) for n in range(1, len(texts) + 1)]
    for number, (text, row) in enumerate(zip(texts, found, strict=True)):
        expected = alone(model.head, lambda: model.encoder.embed([text])) if text is not None else "DATA"  # noqa: B023
        if isinstance(expected, str):
            assert (row["error"], row["place"]) == (expected, f"/{number}")
            assert row["decision"] is row["probability"] is row["label"] is None
            assert row["message"]
        else:
            z, p, labels = expected
            assert (row["decision"], row["probability"], row["label"]) == (z[0, 0], p[0, 1], labels[0])
            assert row["error"] is row["place"] is row["message"] is None


def test_equal_sequences_are_embedded_once(model):
    class Counting:
        name, too_long, seen = "counting", "error", []

        def embed(self, sequences):
            self.seen += sequences
            return model.encoder.embed(sequences)

    encoder = Counting()
    found = table(score([of_texts(["evq", "EVQ ", "MK", "EVQ"])], Model(model.head, encoder)))
    assert encoder.seen == ["EVQ", "MK"]
    decisions = found["decision"].to_pylist()
    assert decisions[0] == decisions[1] == decisions[3] != decisions[2]


values = st.floats(width=64) | st.sampled_from([1e308, -1e308])


@settings(max_examples=50, deadline=None)
@given(arrays(np.float64, st.tuples(st.integers(0, 6), st.just(4)), elements=values))
def test_embeddings_score_as_the_head_does(softmax, x):
    found = pa.Table.from_batches(score([of_vectors(x)], softmax), schema_of(softmax)).to_pylist()
    assert len(found) == len(x)
    for number, (vector, row) in enumerate(zip(x, found, strict=True)):
        expected = alone(softmax.head, lambda: vector.reshape(1, -1))  # noqa: B023
        if isinstance(expected, str):
            bad = np.flatnonzero(~np.isfinite(vector))
            place = [f"/{number}", *map(str, bad[:1])]
            assert (row["error"], row["place"]) == (expected, "/".join(place))
            assert row["decision"] is row["probability"] is row["label"] is None
        else:
            z, p, labels = expected
            assert (row["decision"], row["probability"], row["label"]) == (z[0].tolist(), p[0].tolist(), labels[0])


def test_nulls_and_slices_of_embeddings_stay_in_their_rows(softmax):
    x = np.arange(40, dtype=np.float32).reshape(10, 4) / 40
    kind = pa.list_(pa.float32(), 4)
    column = pa.array([None if row in (2, 5) else x[row].tolist() for row in range(10)], kind)
    batch = pa.record_batch({"id": pa.array(range(10)), "embedding": column}).slice(1, 8)
    found = table(score([batch], softmax, embeddings=True))
    assert found["id"].to_pylist() == [str(row) for row in range(1, 9)]
    assert [row["place"] for row in found.to_pylist()] == [None, "/1", None, None, "/4", None, None, None]
    kept = [row for row in range(1, 9) if row not in (2, 5)]
    expected = softmax.head.predict_proba(x[kept])
    assert [row for row in found["probability"].to_pylist() if row] == expected.tolist()
    assert [row for row in found["embedding"].to_pylist() if row] == x[kept].tolist()
    assert found["embedding"].type == kind


def test_a_large_batch_is_worked_off_in_parts(softmax, monkeypatch):
    x = np.random.default_rng(1).normal(size=(100, 4)).astype(np.float32)
    whole = table(score([of_vectors(x)], softmax))
    monkeypatch.setattr("plmhead.batch._VALUES", 28)
    parts = list(score([of_vectors(x)], softmax))
    assert {part.num_rows for part in parts} == {7, 2}
    assert table(parts).equals(whole)


@pytest.mark.parametrize(
    "batch, code",
    [
        (of_texts(["M"]), "DATA"),
        (of_vectors(np.zeros((1, 3))), "INPUT_SHAPE"),
        (of_vectors(np.zeros((1, 4), np.float16)), "DATA"),
        (pa.record_batch({"embedding": [[1.0, 2.0, 3.0, 4.0]]}), "DATA"),
        (of_vectors(np.zeros((1, 4))).append_column("id", pa.array([1.5])), "DATA"),
    ],
)
def test_columns_that_are_not_what_is_read_are_refused(softmax, batch, code):
    with pytest.raises(InputError) as caught:
        list(score([batch], softmax))
    assert caught.value.code == code


def test_warnings_are_columns(model):
    long = "M" * 1030
    cutting = open_model(HEAD).encoder
    cutting.too_long = "truncate"
    found = table(score([of_texts([long, "M"])], Model(model.head, cutting)))["warning"].to_pylist()
    assert found[0].endswith("1030 residues: the first 1,022 were scored")
    assert found[1].endswith("not for science")
    assert "residues" not in found[1]


def test_a_bundle_scores_sequences(tmp_path):
    bundle = open_model(cases.copy(tmp_path / "bundle"))
    found = table(score([of_texts(["MKV", "B"], id=pa.array(["a", "b"]))], bundle)).to_pylist()
    z, p, labels = bundle.head.score_all(bundle.encoder.embed(["MKV"]))
    assert (found[0]["decision"], found[0]["probability"], found[0]["label"]) == (z[0, 0], p[0, 1], labels[0])
    assert [row["error"] for row in found] == [None, "SEQUENCE_LETTER"]
    with pytest.raises(InputError, match="ARGUMENT"):
        open_model(tmp_path / "bundle", "plmhead/random-esm2-tiny")


# --- files ------------------------------------------------------------------------------------------------------------


def test_the_same_scores_out_of_every_kind_of_file(model, tmp_path):
    texts = ["EVQLV", "MK*", "", "QVQLQ"]
    (tmp_path / "a.fasta").write_text("".join(f">s{row}\n{text}\n" for row, text in enumerate(texts)))
    (tmp_path / "a.csv").write_text("id,sequence\n" + "".join(f"s{row},{text}\n" for row, text in enumerate(texts)))
    parquet.write_table(pa.table({"sequence": texts, "id": [f"s{row}" for row in range(4)]}), tmp_path / "a.parquet")
    for kind in ("fasta", "csv", "parquet"):
        assert score_file(tmp_path / f"a.{kind}", tmp_path / f"{kind}.out.parquet", model) == Scored(4, 2, 4)
    tables = [parquet.read_table(tmp_path / f"{kind}.out.parquet") for kind in ("fasta", "csv", "parquet")]
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])
    assert tables[0].schema.equals(schema_of(model), check_metadata=True)
    score_file(tmp_path / "a.csv", tmp_path / "out.csv", model)
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert [row["error"] for row in rows] == ["", "SEQUENCE_LETTER", "SEQUENCE_EMPTY", ""]
    assert [row["decision"] and float(row["decision"]) for row in rows] == [
        z or "" for z in tables[0]["decision"].to_pylist()
    ]


def test_lists_are_columns_in_csv(softmax, tmp_path):
    x = np.random.default_rng(2).normal(size=(5, 4))
    x[3, 1] = np.nan
    batch = of_vectors(x, "vector")
    parquet.write_table(pa.Table.from_batches([batch]), tmp_path / "x.parquet")
    assert (
        score_file(tmp_path / "x.parquet", tmp_path / "y.csv", softmax, columns=Columns(embedding="vector")).errors == 1
    )
    rows = list(csv.DictReader((tmp_path / "y.csv").read_text().splitlines()))
    assert [float(rows[0][f"probability_{name}"]) for name in "abc"] == softmax.head.predict_proba(x[:1])[0].tolist()
    assert rows[3]["probability_a"] == "" and rows[3]["place"] == "/3/1"  # noqa: PT018


def test_a_row_with_too_few_cells_keeps_its_row(model, tmp_path):
    (tmp_path / "a.csv").write_text("id,sequence\na,EVQ\nb\nc,MK\n")
    score_file(tmp_path / "a.csv", tmp_path / "a.parquet", model)
    found = parquet.read_table(tmp_path / "a.parquet").to_pylist()
    assert [row["error"] for row in found] == [None, "DATA", None]
    assert found[2]["id"] == "c"


@pytest.mark.parametrize("name, code", [("a.txt", "ARGUMENT"), ("none.parquet", "DATA"), ("none.csv", "DATA")])
def test_files_that_cannot_be_read(model, tmp_path, name, code):
    with pytest.raises(InputError) as caught:
        score_file(tmp_path / name, tmp_path / "out.parquet", model)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_damaged_parquet_leaves_no_output(model, tmp_path):
    parquet.write_table(pa.table({"sequence": ["EVQLV"] * 5000}), tmp_path / "a.parquet", use_dictionary=False)
    data = bytearray((tmp_path / "a.parquet").read_bytes())
    data[8:40] = bytes(32)
    (tmp_path / "a.parquet").write_bytes(data)
    with pytest.raises(InputError) as caught:
        score_file(tmp_path / "a.parquet", tmp_path / "out.parquet", model)
    assert caught.value.code == "DATA"
    assert not (tmp_path / "out.parquet").exists()


def test_only_the_columns_that_are_due_are_read(tmp_path):
    parquet.write_table(pa.table({"sequence": ["M"], "other": [1]}), tmp_path / "a.parquet")
    (batch,) = read_batches(tmp_path / "a.parquet")
    assert batch.schema.names == ["sequence"]


def test_the_command_scores_parquet(run, tmp_path):
    x = np.load(HEAD.with_name("X.npy"))[:2].copy()
    x[1, 2] = np.inf
    parquet.write_table(pa.Table.from_batches([of_vectors(x)]), tmp_path / "x.parquet")
    done = run("score", HEAD, tmp_path / "x.parquet", "--out", tmp_path / "y.parquet")
    assert (done.returncode, done.stdout) == (0, "")
    assert "1 of 2 rows have no score" in done.stderr
    found = parquet.read_table(tmp_path / "y.parquet").to_pylist()
    assert found[1]["place"] == "/1/2"
    assert found[0]["probability"] == plmhead.load(HEAD).predict_proba(x[:1])[0, 1]
    assert run("score", HEAD, tmp_path / "x.parquet").returncode == 2
