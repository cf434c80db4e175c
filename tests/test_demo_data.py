"""The demonstration table: reproducible, valid and learnable."""

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from plmhead.data import read_table

ROOT = Path(__file__).resolve().parents[1]
DEMO = ROOT / "examples" / "demo_sequences.csv"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_demo_data", ROOT / "tools" / "make_demo_data.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_running_again_gives_the_same_bytes(generator):
    assert generator.table().encode() == DEMO.read_bytes() == generator.table().encode()


def test_numbers_are_those_of_splitmix64(generator):
    random = generator.Random(1234567)
    assert [random.below(2**64) for _ in range(3)] == [6457827717110365317, 3203168211198807973, 9817491932198370423]


def test_rows_are_valid_distinct_and_balanced():
    table = read_table(DEMO, True)
    assert table.labels is not None
    assert table.labels.dtype == np.int64
    assert len(table.sequences) == len(set(table.sequences)) == len(set(table.ids or [])) == 200
    assert 0.4 <= table.labels.mean() <= 0.6
    assert {len(sequence) for sequence in table.sequences} <= set(range(115, 136))


def test_no_framework_is_the_plain_template(generator):
    plain = "".join(part[0] for part in generator.BEFORE_LOOP.replace("[", " ").replace("]", " ").split())
    for sequence in read_table(DEMO, True).sequences:
        assert plain[:30] not in sequence


def test_a_head_learns_the_rule():
    pytest.importorskip("onnxruntime")
    linear_model = pytest.importorskip("sklearn.linear_model")
    from sklearn.model_selection import StratifiedKFold, cross_val_score

    from plmhead.encode import load_encoder

    table = read_table(DEMO, True)
    embeddings = load_encoder("plmhead/random-esm2-tiny").embed(table.sequences)
    folds = StratifiedKFold(10, shuffle=True, random_state=42)
    head = linear_model.LogisticRegression(max_iter=1000)
    auc = cross_val_score(head, embeddings, table.labels, cv=folds, scoring="roc_auc").mean()
    assert auc > 0.7
