"""What is wrong for each member of section 6, and of version 0. Written from the specification's tables, not from a loader or a schema."""

from dataclasses import dataclass, field

from ..json_bytes import Raw
from .base import PLAIN

HEX = "0123456789abcdef" * 4


@dataclass
class Rule:
    """What is wrong for one member: JSON values of a wrong type, and values out of range."""

    types: list[object]
    values: list[object] = field(default_factory=list)
    required: bool = True


NOT_TEXT: list[object] = [None]

NOT_TEXT_NULL: list[object] = [1]

NOT_INTEGER: list[object] = ["1", True, Raw("1.0"), None]

NOT_INTEGER_NULL: list[object] = ["1", Raw("1e0")]

NOT_NUMBER: list[object] = ["0.5", True]

NOT_NUMBER_NULL: list[object] = ["0.5", False]

NOT_LIST: list[object] = [{}]

NOT_LIST_NULL: list[object] = [{}]

NOT_OBJECT: list[object] = [[]]

NOT_OBJECT_NULL: list[object] = [[], "x"]

BAD_MODEL: list[object] = [
    "",
    "a/",
    "/a",
    "a/b/c",
    "../a",
    "a/..",
    "a/.",
    "a.",
    "a..b",
    "a b",
    "a\\b",
    "a\n",
    "a\u0000",
    "https://x",
    "C:/a",
    "~/a",
    "\u00e9",
    "a" * 193,
]

BAD_REVISION: list[object] = ["", "a//b", "/a", "a/../b", "a b", "a" * 193, "a\n", "HEAD~1"]

BAD_HEX64: list[object] = ["", "0" * 63, "0" * 65, HEX.upper(), "g" * 64, "0" * 64 + "\n", "\uff10" * 64]

BAD_HEX16: list[object] = [
    "",
    "0" * 15,
    "0" * 17,
    "3FE0000000000000",
    "0x3fe00000000000",
    "3fe000000000000g",
    "3fe0000000000000\n",
]

BAD_TEXT: list[object] = ["", "a\tb", "a\u0000", "\u007f", "a\u001f"]

BAD_NAME: list[object] = [*BAD_TEXT, "a/b", "a\\b", "/home/user/data.csv", "C:\\data.csv"]

ROOT: dict[str, Rule] = {
    "model_type": Rule(
        NOT_TEXT, ["", "logisticregression", "LogisticRegressionCV", "SVC", "sklearn.linear_model.LogisticRegression"]
    ),
    "sklearn_version": Rule(NOT_TEXT_NULL, ["", ".1", "-1", "1.9 ", "1.9\n", "1/9", "1" * 65, "\uff11"]),
    "C": Rule(NOT_NUMBER, [0, Raw("0.0"), -1, Raw("-1e-300"), Raw("1e-400"), Raw("-0.0")]),
    "penalty": Rule([1, True, [], {}], ["none", "L2", "", "l3", "deprecated"]),
    "l1_ratio": Rule(NOT_NUMBER_NULL, [Raw("-0.1"), Raw("1.0000000000000002"), 2, -1]),
    "solver": Rule(NOT_TEXT, ["", "LBFGS", "-lbfgs", "lbfgs ", "new_ton", "a1", "a" * 65]),
    "class_weight": Rule([1, True, []], ["", "Balanced", "none"]),
    "max_iter": Rule(NOT_INTEGER, [-1, 2147483648, -9007199254740991]),
    "random_state": Rule(NOT_INTEGER_NULL, [-1, 4294967296]),
    "esm_model": Rule(NOT_TEXT_NULL, BAD_MODEL),
    "esm_revision": Rule(NOT_TEXT_NULL, BAD_REVISION),
    "batch_size": Rule(NOT_INTEGER_NULL, [0, -1, 2147483648]),
    "device": Rule(
        NOT_TEXT_NULL,
        ["", "CUDA", "cuda:", "cuda:1000", "cuda0", "cuda:-1", "cuda:0 ", "a" * 17, "cuda:\u0660", "/dev/null"],
    ),
    "link": Rule(NOT_TEXT, ["", "Logistic", "sigmoid", "probit", "logit"]),
    "decision": Rule([[], "x", 0, True], [None]),
    "embedding": Rule(NOT_OBJECT_NULL),
    "golden": Rule(NOT_LIST_NULL, [[]]),
    "self_test": Rule(NOT_LIST, [[]]),
    "metrics": Rule(NOT_OBJECT, required=False),
    "training": Rule(NOT_OBJECT, required=False),
    "extensions": Rule(NOT_OBJECT, required=False),
    "npz_sha256": Rule(NOT_TEXT, BAD_HEX64),
}

NESTED: dict[str, dict[str, Rule]] = {
    "/decision": {
        "threshold": Rule(NOT_NUMBER, [Raw("-0.1"), Raw("1.0000000000000002"), 2, Raw("-5e-324")]),
        "assay_thresholds": Rule(NOT_OBJECT),
    },
    "/embedding": {
        "origin": Rule(NOT_TEXT, ["", "Plmhead", "version-1"]),
        "family": Rule(NOT_TEXT, ["", "ESM2", "esm3", "esm1"]),
        "checkpoint": Rule(NOT_TEXT, ["", "facebook/esm2_t6_8m_ur50d", "esm2_t6_8M_UR50D"]),
        "revision": Rule(NOT_TEXT_NULL, BAD_REVISION[3:6]),
        "weights_sha256": Rule(NOT_TEXT_NULL, BAD_HEX64[3:6]),
        "dimension": Rule(NOT_INTEGER, [0, -3, 65537]),
        "layer": Rule(NOT_TEXT, ["", "first", "Last", "33"]),
        "pooling": Rule(NOT_TEXT, ["max", "cls", "mean-no-special"]),
        "accumulate": Rule(NOT_TEXT, ["float64", "fp32"]),
        "l2_normalized": Rule([0, "false", None, []], [True]),
        "alphabet": Rule(NOT_TEXT, ["esm1b", "ESM1b-33"]),
        "max_residues": Rule(NOT_INTEGER, [1024, 1021, 1023, 0]),
        "too_long": Rule(NOT_TEXT, ["", "Error", "window"]),
        "dtype": Rule(NOT_TEXT, ["", "float64", "fp16", "int8"]),
        "accuracy": Rule(NOT_TEXT, ["", "Exact", "approximate"]),
    },
    "/golden/3": {
        "embedding": Rule(NOT_LIST, [[], [0] * 17]),
        "decision": Rule(NOT_LIST, [[]]),
        "probability": Rule(NOT_LIST, [[], [1]]),
    },
    "/self_test/5": {
        "decision": Rule(NOT_LIST, [[]]),
        "probability": Rule(NOT_LIST, [[], ["0" * 16]]),
    },
    "/metrics": {"train": Rule(NOT_OBJECT, required=False), "cross_validation": Rule(NOT_OBJECT, required=False)},
    "/metrics/cross_validation": {
        "folds": Rule(NOT_INTEGER, [1, 0, 1000001]),
        "stratified": Rule([0, 1, "true", None]),
        "scores": Rule(NOT_OBJECT),
    },
    "/metrics/cross_validation/scores/accuracy": {"mean": Rule(NOT_NUMBER_NULL), "std": Rule(NOT_NUMBER_NULL)},
    "/training": {
        "date": Rule(
            NOT_TEXT,
            [
                "",
                "2026-03-01",
                "2026-03-01T12:34:56",
                "2026-03-01 12:34:56Z",
                "2026-03-01T12:34:56+00:00",
                "2026-03-01T12:34:56.5Z",
                "2026-03-01T12:34:56Z\n",
                "2026-3-1T12:34:56Z",
            ],
            required=False,
        ),
        "dataset": Rule(NOT_TEXT, [*BAD_NAME, "a" * 257], required=False),
        "dataset_sha256": Rule(NOT_TEXT, BAD_HEX64[3:6], required=False),
        "rows": Rule(NOT_INTEGER, [0, -1], required=False),
        "rows_by_class": Rule(NOT_LIST, [[]], required=False),
        "assay_type": Rule(NOT_TEXT, [*BAD_NAME[:6], "a" * 65], required=False),
        "fragment_type": Rule(NOT_TEXT, [*BAD_NAME[:6], "\U0001f9ec" * 65], required=False),
        "folded": Rule(NOT_LIST, [["standard_scaler"] * 3], required=False),
    },
}

# Elements and entries: path of the element in base/full, values of wrong type, values out of range.
ELEMENTS: list[tuple[str, list[object], list[object]]] = [
    ("/class_weight/1", ["1", True, None, []], [-1, Raw("-5e-324")]),
    ("/decision/assay_thresholds/X", ["0.5", True, None, []], [Raw("1.5"), -1]),
    ("/golden/0", [[], None, "x"], []),
    ("/golden/5/embedding/2", ["1", None, True, []], []),
    ("/golden/1/decision/0", ["1", None], []),
    ("/golden/2/probability/1", ["1", None], [Raw("1.5"), Raw("-0.5"), 2]),
    ("/self_test/0", [[], None, 1], []),
    ("/self_test/7", [[], None, 1], []),
    ("/self_test/1/decision/0", [0, Raw("0.5"), None, []], BAD_HEX16),
    ("/self_test/6/probability/1", [0, None], BAD_HEX16[3:4]),
    ("/metrics/train/f1", ["0.5", True, [], {}], []),
    ("/metrics/cross_validation/scores/accuracy", [Raw("0.5"), None, []], []),
    ("/training/rows_by_class/1", ["1", Raw("1.0"), None, True], [-1]),
    ("/training/folded/0", [1, None, []], ["", "minmax_scaler", "StandardScaler"]),
]

# Maps: path of the map, names that it may not have, a value that is right.
NAMES: list[tuple[str, list[str], object]] = [
    ("/decision/assay_thresholds", ["", "a" * 65, "a\tb", "\u007f", "\u0000"], Raw("0.5")),
    ("/metrics/train", ["", "A", "1a", "_a", "a-b", "a" * 33, "a\n"], 1),
    ("/metrics/cross_validation/scores", ["", "A", "roc auc", "a" * 33], {"mean": None, "std": None}),
    ("/extensions", ["", "plain", "A.b", "a.B", "a..b", ".a", "a.", "a._b", "1a.b", "a.b\n", "a.-b", "-a.b"], None),
]

# The accept case that a table's faults are put into, where it need not be base/full: smaller files.
SMALLER = {
    "/decision": PLAIN,
    "/embedding": "config/embedding-no-golden",
    "/self_test/5": PLAIN,
    "/training": "config/training",
    "/metrics": "config/metrics",
    "/metrics/cross_validation": "config/metrics",
    "/metrics/cross_validation/scores/accuracy": "config/metrics",
}

#: Without an embedding these are null, whatever their own rule is: their cases need one.
OF_AN_ENCODER = dict.fromkeys(("esm_model", "esm_revision", "batch_size", "device"), "config/embedding-no-golden")

VERSION_0: dict[str, Rule] = {
    "model_type": Rule(NOT_TEXT, ["SVC", ""]),
    "sklearn_version": Rule(NOT_TEXT),
    "C": Rule(NOT_NUMBER, [0, Raw("-0.5")]),
    "penalty": Rule(NOT_TEXT_NULL),
    "solver": Rule(NOT_TEXT),
    "class_weight": Rule([1, True, []], ["Balanced", ""]),
    "max_iter": Rule(NOT_INTEGER),
    "random_state": Rule(NOT_INTEGER_NULL),
    "esm_model": Rule(NOT_TEXT),
    "esm_revision": Rule(NOT_TEXT_NULL),
    "batch_size": Rule(NOT_INTEGER),
    "device": Rule(NOT_TEXT, required=False),
}
