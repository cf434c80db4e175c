"""Accept cases on metadata, versions and shapes (sections 4, 6 and 10)."""

from dataclasses import replace

from ..ieee import ZERO
from ..json_bytes import Raw
from ..pair import Head, embedding, integers, version_1
from ..suite import Predict, Suite
from .base import METRICS, TRAINING, rng_head, rows

EDGES_SHORT = {
    "sklearn_version": "0",
    "solver": "a",
    "metrics": {
        "train": {"a": -1, "z9_": Raw("1e308")},
        "cross_validation": {"folds": 2, "stratified": False, "scores": {"q": {"mean": 0, "std": 0}}},
    },
    "training": {"date": "9876-54-30T19:28:37Z", "rows": 1, "dataset": "~", "fragment_type": "\U0001f9ec" * 64},
    "extensions": {"a.0": [], "z-9.9-z.0": 0},
}
EDGES_LONG = {
    "sklearn_version": "Z" + "z.+-" * 15 + "9aZ",
    "solver": "z" + "-a" * 31 + "z",
    "metrics": {
        "train": {"a" + "_9z" * 10 + "_": None},
        "cross_validation": {
            "folds": 1000000,
            "stratified": True,
            "scores": {"z" * 32: {"mean": None, "std": Raw("1e-9")}},
        },
    },
}


def metadata_cases(suite: Suite) -> None:
    head = rng_head(0x3E7A, 4)
    small = rng_head(0x3E7B, 2)
    one = rng_head(0x3E7D, 1)
    soft = rng_head(0x3E7C, 16, 3)
    numbers = {"C": Raw("1e-5"), "max_iter": 0, "random_state": 4294967295, "penalty": None, "l1_ratio": None}
    most = {
        "C": Raw("1.7976931348623157e308"),
        "max_iter": 2147483647,
        "random_state": 0,
        "solver": "newton-cholesky",
        "sklearn_version": "0.24.2.post1+local-7",
    }
    empty = {"metrics": {}, "training": {}, "extensions": {}}
    cases: list[tuple[str, str, Head, dict[str, object]]] = [
        ("low", "F1", head, numbers),
        ("high", "F1", head, most),
        ("empty-objects", "F1", head, empty),
        ("optional-metrics", "F1", head, {"metrics": {"train": {}}}),
        ("optional-cross-validation", "F1", head, {"metrics": {"cross_validation": METRICS["cross_validation"]}}),
        ("training", "F1", head, {"training": TRAINING}),
        ("metrics", "F1", head, {"metrics": METRICS}),
        (
            "training-edges",
            "F1",
            head,
            {
                "training": {
                    "rows": 2**53 - 1,
                    "rows_by_class": [0, 2**53 - 1],
                    "folded": [],
                    "dataset": "\U0001f9ec" * 256,
                    "assay_type": "a",
                }
            },
        ),
        ("edges-short", "F1", head, EDGES_SHORT),
        ("edges-long", "F1", head, EDGES_LONG),
        (
            "embedding-one",
            "G1",
            one,
            {**embedding(one, revision="9", weights_sha256="0123456789abcdef" * 4), "batch_size": 1},
        ),
        ("folded-two", "F1", head, {"training": {"folded": ["standard_scaler", "two_class_multinomial"]}}),
        (
            "extensions-free",
            "F4",
            head,
            {
                "extensions": {
                    "a.b": None,
                    "org.x-1.2y": [[], {"": {"": -1}}, "\x00\x1f", Raw("-0.0"), Raw("1E300")],
                    "a.b.c.d": {"format": 1},
                }
            },
        ),
        (
            "embedding-min",
            "F6",
            small,
            embedding(
                small, origin="version-0", family="esm1b", dtype="bfloat16", accuracy="fast", too_long="truncate"
            ),
        ),
        (
            "embedding-hashes",
            "F6",
            head,
            embedding(
                head, origin="declared", family="esm1v", revision="refs/pr/1", weights_sha256="af" * 32, dtype="float16"
            ),
        ),
        ("embedding-softmax", "F6", soft, embedding(soft)),
        ("embedding-no-golden", "F6", head, {**embedding(head), "golden": None, "batch_size": None, "device": None}),
        ("esm-model-edges", "F1", head, edge_model(head)),
    ]
    for name, clause, h, changes in cases:
        suite.accept(
            f"config/{name}",
            clause,
            f"metadata at the edge of what is allowed: {name.replace('-', ' ')}",
            version_1(h, **changes),
            rows(h),
        )
    names = {
        "10": Raw("0.1"),
        "2": Raw("0.2"),
        "__proto__": Raw("0.3"),
        "constructor": Raw("0.4"),
        "\U0001f9ec" * 64: Raw("0.5"),
        'a/b~c \\"': Raw("0.6"),
    }
    odd = version_1(head, assays=names)
    suite.accept(
        "config/assay-names",
        "F4",
        "assay types keep the order of the file, also digits and names that a language's objects have",
        odd,
        [Predict(rows(head)[0].x, assay_type=name) for name in names],
    )


def edge_model(head: Head) -> dict[str, object]:
    model = "a." * 47 + "b/" + "c" * 96  # 192 characters
    return {
        **embedding(head, checkpoint=model, revision="v1.0/x_y/-"),
        "esm_model": model,
        "esm_revision": "d" * 192,
        "device": "abcdefghijklmnop:999",
        "batch_size": 2147483647,
    }


def version_cases(suite: Suite) -> None:
    head = rng_head(0x7E5, 4)
    for version, name in (("1.7", "minor-7"), ("1.9999", "minor-9999")):
        pair = version_1(
            head, format_version=version, **embedding(head), metrics={**METRICS, "later": 1}, training={"later": None}
        )
        pair.config["decision"] = {**pair.config["decision"], "later": [1]}
        pair.config["embedding"] = {**pair.config["embedding"], "later": {}}
        pair.config["golden"] = [{**record, "later": None} for record in pair.config["golden"]]
        pair.compute_records()
        pair.config["self_test"] = [{**record, "later": False} for record in pair.config["self_test"]]
        pair.config = {"later/root~": {"format": 2}, **pair.config}
        suite.accept(
            f"version/{name}",
            "V5",
            f"format_version {version} with members of a later minor: they are ignored, at the root and in closed objects",
            pair,
            rows(head),
        )
    suite.accept(
        "version/minor-as-integer",
        "V4",
        "1.10 is minor ten, above the reader, so an unknown member is ignored",
        version_1(head, format_version="1.10", later=1),
        rows(head),
    )


def shape_cases(suite: Suite) -> None:
    soft = rng_head(0x5A, 3, 3)
    for dtype in ("<i4", "<i8"):
        many = replace(soft, n_iter=[3, 0, 2147483647], n_iter_dtype=dtype)
        suite.accept(
            f"array/n-iter-rows-{dtype[1:]}", "A1", "softmax with one n_iter a row", version_1(many), rows(many)
        )
    one = replace(soft, n_iter=[2**40], n_iter_dtype="<i8")
    suite.accept("array/n-iter-one-i8", "A1", "softmax with one n_iter, beyond 32 bits", version_1(one), rows(one))
    zero = Head([integers(0, 0)], [ZERO])
    suite.accept("array/all-zero", "A2", "coefficients that are all zero are allowed", version_1(zero), rows(zero))
