"""The accept cases that reject cases are made from."""

from dataclasses import replace

from ..ieee import ONE, ZERO
from ..json_bytes import Raw
from ..pair import Head, Pair, embedding, version_0, version_1
from ..splitmix import SplitMix64
from ..suite import Predict, Rows, Suite

PLAIN, FULL, WIDE, SOFTMAX, STRING, FLOAT, V0 = (
    "base/plain",
    "base/full",
    "base/wide",
    "base/softmax",
    "base/string",
    "base/float",
    "base/v0",
)

METRICS = {
    "train": {"f1": Raw("0.96"), "roc_auc": None},
    "cross_validation": {"folds": 10, "stratified": True, "scores": {"accuracy": {"mean": Raw("0.71"), "std": None}}},
}

TRAINING = {
    "date": "2026-03-01T12:34:56Z",
    "dataset": "boughter_vh",
    "dataset_sha256": "0" * 64,
    "rows": 914,
    "rows_by_class": [443, 471],
    "assay_type": "ELISA",
    "fragment_type": "VH",
    "folded": ["standard_scaler"],
}

EXTENSIONS = {"org.example-lab.note": ["free", None, {}]}

ASSAYS = {"ELISA": Raw("0.5"), "PSR": Raw("0.5495")}


def rng_head(seed: int, n: int, k: int = 1, **changes: object) -> Head:
    rng = SplitMix64(seed)
    head = Head([rng.row(n, 20) for _ in range(k)], rng.row(k, 20))
    return replace(head, labels=list(range(max(2, k))), **changes)


def rows(head: Head, seed: int = 1, m: int = 2) -> list[Predict]:
    rng = SplitMix64(seed)
    return [Predict(Rows([rng.row(head.n, 20, 2) for _ in range(m)]))]


def add_base_cases(suite: Suite) -> None:
    head = rng_head(0xBA5E, 4)
    suite.accept(PLAIN, "F1", "a small logistic head with the smallest config", version_1(head), rows(head))
    suite.accept(FULL, "F1", "a logistic head with every member of the config", full(), rows(full().head))
    suite.accept(WIDE, "G4", "a head of 20 features: golden holds 16 of them", full(20), rows(full(20).head))
    soft = rng_head(0x50F, 4, 3)
    suite.accept(SOFTMAX, "F1", "a small softmax head", version_1(soft), rows(soft))
    text = replace(rng_head(0x57, 4), labels=["neg", "pos"], classes_dtype="<U3")
    suite.accept(STRING, "A3", "string labels", version_1(text), rows(text))
    floats = replace(head, labels=[ZERO, ONE], classes_dtype="<f8")
    suite.accept(
        FLOAT, "A3", "float labels, as scikit-learn leaves them when y was float", version_1(floats), rows(floats)
    )
    old = replace(rng_head(0x0, 4), labels=[ZERO, ONE], classes_dtype="<f8")
    suite.accept(
        V0,
        "V2",
        "version 0 as np.savez writes it, with zip64 local extras",
        version_0(old),
        [*rows(old), Predict(rows(old)[0].x, assay_type="PSR")],
    )


def full(n: int = 3) -> Pair:
    head = replace(rng_head(0xF0, n), n_iter=[37])
    return version_1(
        head,
        assays=ASSAYS,
        **embedding(head),
        sklearn_version="1.9.1",
        penalty="elasticnet",
        l1_ratio=Raw("0.25"),
        solver="saga",
        class_weight={"0": Raw("1.0"), "1": 2},
        random_state=42,
        metrics=METRICS,
        training=TRAINING,
        extensions=EXTENSIONS,
    )
