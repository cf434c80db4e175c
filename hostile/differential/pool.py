"""The pairs that are mutated: small heads, all accepted, of every link, dtype, label type and version, with small and full configs."""

from dataclasses import replace
from functools import cache
from random import Random

from conformance.json_bytes import Raw
from conformance.oracle import NonFiniteError
from conformance.pair import Head, Pair, embedding, version_0, version_1
from conformance.zip_bytes import Archive

from . import values

BASES = 600
FEATURES = (1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 20)
SCORES = {"accuracy": {"mean": Raw("0.71"), "std": None}, "f1": {"mean": None, "std": Raw("1e-3")}}


@cache
def base(seed: int, number: int) -> Pair:
    """Base `number` of a seed. Shared: mutate a `fork` of it."""
    rng = Random(f"base/{seed}/{number}")
    while True:
        head = any_head(rng)
        try:
            return old(rng, head) if rng.random() < 0.3 and len(head.coef) == 1 else new(rng, head)
        except NonFiniteError:  # its self-test overflows
            continue


def any_head(rng: Random) -> Head:
    rows, n = rng.choice((1, 1, 1, 3, 4)), rng.choice(FEATURES)
    k = max(2, rows)
    descr = rng.choice(("<f8", "<f8", "<f4"))
    wild = rng.random() < 0.3
    draw = (
        (lambda: real(rng, descr))
        if wild
        else (lambda: real(rng, descr) & ~(0x7FF << 52) | rng.randrange(1015, 1027) << 52)
    )
    head = Head([[draw() for _ in range(n)] for _ in range(rows)], [draw() for _ in range(rows)])
    if rng.random() < 0.15:
        tied(rng, head, descr)
    dtype, labels = any_labels(rng, k)
    n_iter = [rng.choice((1, 12, 2147483647)) for _ in range(rng.choice((1, rows)))]
    return replace(
        head,
        coef_dtype=descr,
        intercept_dtype=descr,
        labels=labels,
        classes_dtype=dtype,
        n_iter=n_iter,
        n_iter_dtype=rng.choice(("<i4", "<i8")),
    )


def tied(rng: Random, head: Head, descr: str) -> None:
    """Decisions at the edge: two classes equal or one bit apart, or a decision of zero or next to it."""
    if len(head.coef) > 1:
        head.coef[-1], head.intercept[-1] = list(head.coef[0]), head.intercept[0]
        if descr == "<f8" and rng.random() < 0.5:
            head.intercept[-1] ^= 1
    else:
        zero = 1 << 63
        head.coef[0] = [rng.choice((0, zero)) for _ in head.coef[0]]
        tiny = (0, zero) if descr == "<f4" else (0, zero, 1, zero | 1, 0x3C670EF54646D497, 0xBC670EF54646D497)
        head.intercept[0] = rng.choice(tiny)


def real(rng: Random, descr: str) -> int:
    """Bits of a binary64, one that binary32 holds where the array is `<f4`."""
    if descr == "<f8":
        return values.double(rng)
    sign, exponent, fraction = rng.getrandbits(1), rng.randrange(897, 1151), rng.getrandbits(23)
    return sign << 63 | exponent << 52 | fraction << 29 if rng.random() < 0.95 else sign << 63


def any_labels(rng: Random, k: int) -> tuple[str, list[object]]:
    kind = rng.choice(("ints", "ints", "floats", "strings", "strings", "booleans"))
    if kind == "booleans" and k == 2:
        return "|b1", rng.choice(([False, True], [True, False]))
    if kind == "floats":
        choices = [0, *(sign << 63 | (1023 + e) << 52 for sign in (0, 1) for e in (0, 1, 2, 10, 31, 52, 53))]
        return "<f8", rng.sample(choices, k)
    if kind == "strings":
        return any_strings(rng, k)
    extremes = [*range(-3, 6), 2**31, 2**53 + 1, 2**63 - 1, -(2**63)]
    return "<i8", list(range(k)) if rng.random() < 0.5 else rng.sample(extremes, k)


def any_strings(rng: Random, k: int) -> tuple[str, list[object]]:
    """Different strings, some of which a careless reader takes for equal."""
    ready = (
        ["neg", "pos"],
        ["", "a"],
        ["é", "e\u0301"],
        ["a", "a "],
        ["1", "01"],
        ["A", "a"],
        ["\u212b", "å"],
        ["\U0001f600", "\ufeff"],
    )
    labels = list(rng.choice(ready)) if rng.random() < 0.5 else []
    while len(labels) < k:
        label = "".join(values.point(rng) for _ in range(rng.randrange(1, 5)))
        labels += [label] * (label not in labels)
    width = max(map(len, labels)) + rng.choice((0, 0, 1, 5))
    return f"<U{max(1, width)}", labels


def old(rng: Random, head: Head) -> Pair:
    integers = ("<i8", "<i4", "<i2", "|i1", "<u8", "<u4", "<u2", "|u1")
    if head.classes_dtype == "<i8" and all(0 <= label < 128 for label in head.labels):
        head = replace(head, classes_dtype=rng.choice(integers))
    iterations = [rng.choice((0, 12, 127))]
    head = replace(head, n_iter=iterations, n_iter_dtype=rng.choice(integers), n_features_dtype=rng.choice(integers))
    return version_0(replace(head, scalar_intercept=rng.random() < 0.3), class_weight=weights(rng, head))


def new(rng: Random, head: Head) -> Pair:
    logistic = len(head.coef) == 1
    changes: dict[str, object] = {
        "class_weight": weights(rng, head),
        "penalty": rng.choice(("l1", "l2", "elasticnet", None)),
    }
    if rng.random() < 0.5:
        changes |= embedding(head)
    if rng.random() < 0.4:
        changes["metrics"] = {"train": {"f1": Raw("0.96"), "roc_auc": None}, "cross_validation": cross_validation()}
    if rng.random() < 0.4:
        changes["training"] = training(rng, head)
    if rng.random() < 0.3:
        changes["extensions"] = {"org.example-lab.note": ["free", None, {}]}
    if rng.random() < 0.1:
        changes["format_version"] = rng.choice(("1.1", "1.9", "1.9999"))
    assays = {
        name: Raw(f"0.{rng.randrange(1, 10**6)}")
        for name in rng.sample(("ELISA", "PSR", "10", "9", "a/b", "é"), rng.randrange(4))
    }
    threshold = Raw(rng.choice(("0.5", "0.5", "0", "1", "1.0", "0.25", "0.5000000000000001", "5e-324")))
    return version_1(head, threshold=threshold if logistic else Raw("0.5"), assays=assays, **changes)


def weights(rng: Random, head: Head) -> object:
    kind = rng.randrange(4)
    if kind < 2:
        return (None, "balanced")[kind]
    keys = [label_key(head, label) for label in head.labels if rng.random() < 0.8]
    return {key: Raw(rng.choice(("1", "1.0", "0", "2.5e-3"))) for key in keys}


def label_key(head: Head, label: object) -> str:
    """The name of a class in a class_weight map (G2)."""
    if isinstance(label, (bool, str)):
        return str(label).lower() if isinstance(label, bool) else label
    if head.classes_dtype != "<f8":
        return str(label)
    whole = int(values.exact(label & ~(1 << 63)))
    return str(-whole if label >> 63 else whole)


def cross_validation() -> dict[str, object]:
    return {"folds": 10, "stratified": True, "scores": SCORES}


def training(rng: Random, head: Head) -> dict[str, object]:
    members = {
        "date": "2026-03-01T12:34:56Z",
        "dataset": "boughter_vh",
        "dataset_sha256": "0" * 64,
        "rows": 914,
        "rows_by_class": [7] * len(head.labels),
        "assay_type": "ELISA",
        "fragment_type": "VH",
        "folded": ["standard_scaler", "two_class_multinomial"][: rng.randrange(3)],
    }
    return {name: value for name, value in members.items() if rng.random() < 0.8}


def fork(pair: Pair) -> Pair:
    """A copy of which every part may be changed; `head` may be replaced."""
    entries = [
        replace(e, local=dict(e.local), central=dict(e.central), both=dict(e.both)) for e in pair.archive.entries
    ]
    archive = Archive(entries, dict(pair.archive.end))
    config = tree(pair.config)
    return Pair(archive, config, pair.head, pair.version, pair.threshold, pair.sealed, pair.own_records)


def tree(value: object) -> object:
    if isinstance(value, dict):
        return {name: tree(v) for name, v in value.items()}
    return [tree(v) for v in value] if isinstance(value, list) else value
