"""Reject cases on list lengths, unknown members, and members that depend on others (F1, F3, F6)."""

from collections.abc import Callable

from ..pair import Pair
from ..suite import Suite
from .base import FULL, PLAIN, SOFTMAX, STRING
from .edits import escape, node_at, put
from .fields import slug_of


def lengths_of_lists(suite: Suite) -> None:
    def reject(
        slug: str,
        path: str,
        name: str,
        why: str,
        mutation: str,
        change: Callable[[list[object]], list[object]],
        base: str = FULL,
    ) -> None:
        suite.reject(
            f"list/{slug}",
            "F1",
            "FIELD_VALUE",
            f"{path}/{name}",
            why,
            base,
            mutation,
            lambda p: put(path, name, change(node_at(p.config, f"{path}/{name}")))(p),
        )

    for name, count in (("self_test", 8), ("golden", 6)):
        slug = name.replace("_", "-")
        reject(
            f"{slug}-one-less", "", name, f"exactly {count} records", f"the last of {name} removed", lambda v: v[:-1]
        )
        reject(
            f"{slug}-one-more", "", name, f"exactly {count} records", f"the last of {name} twice", lambda v: [*v, v[-1]]
        )
    for name, count in (("decision", 1025), ("probability", 1025)):
        reject(
            f"self-test-{name}-1025",
            "/self_test/0",
            name,
            "at most 1,024 values",
            f"{count} values",
            lambda v, count=count: ["0" * 16] * count,
        )
        reject(
            f"golden-{name}-1025",
            "/golden/0",
            name,
            "at most 1,024 values",
            f"{count} values",
            lambda v, count=count: [0] * count,
        )
    reject(
        "rows-by-class-1025", "/training", "rows_by_class", "at most 1,024 values", "1025 values", lambda v: [0] * 1025
    )


def unknown(suite: Suite) -> None:
    for path in (
        "",
        "/decision",
        "/embedding",
        "/golden/0",
        "/golden/5",
        "/self_test/0",
        "/self_test/7",
        "/metrics",
        "/metrics/cross_validation",
        "/metrics/cross_validation/scores/accuracy",
        "/training",
    ):
        suite.reject(
            f"unknown/{slug_of(path) or 'root'}",
            "F3",
            "FIELD_UNKNOWN",
            f"{path}/comment",
            "an unknown member of a closed object",
            FULL,
            f"add {path}/comment",
            put(path, "comment", None),
        )
    for i, name in enumerate(
        ("", "__proto__", "constructor", "toString", "Format", "scaler", "c", "link ", "a/b~c", "path", "format\u0000")
    ):
        suite.reject(
            f"unknown/root-name-{i}",
            "F3",
            "FIELD_UNKNOWN",
            f"/{escape(name)}",
            "an unknown member of the root, by an awkward name",
            PLAIN,
            f"add {name!r}",
            put("", name, 1),
        )

    def first(pair: Pair) -> None:
        pair.config = {"zzz": 1, **pair.config, "aaa": 1}

    suite.reject(
        "unknown/first-of-two",
        "F3",
        "FIELD_UNKNOWN",
        "/zzz",
        "of two unknown members the first of the file is named",
        PLAIN,
        "zzz first and aaa last",
        first,
    )

    def digits(pair: Pair) -> None:
        pair.config.update({"b": 1, "10": 1, "9": 1})

    suite.reject(
        "unknown/digits",
        "F3",
        "FIELD_UNKNOWN",
        "/b",
        "the order of the file, also where a language puts digits first",
        PLAIN,
        "b, then 10, then 9",
        digits,
    )


def dependent(suite: Suite) -> None:
    def reject(
        slug: str, clause: str, code: str, where: str, why: str, mutation: str, base: str = FULL, **changes: object
    ) -> None:
        def edit(pair: Pair) -> None:
            pair.config.update(changes)

        suite.reject(f"dependent/{slug}", clause, code, where, why, base, mutation, edit)

    reject(
        "elasticnet-without-ratio",
        "F1",
        "FIELD_VALUE",
        "/l1_ratio",
        "elasticnet has an l1_ratio",
        "l1_ratio null with penalty elasticnet",
        l1_ratio=None,
    )
    reject(
        "logistic-without-decision",
        "F1",
        "FIELD_VALUE",
        "/decision",
        "a logistic head has a decision",
        "decision null",
        PLAIN,
        decision=None,
    )
    reject(
        "softmax-with-decision",
        "F1",
        "FIELD_VALUE",
        "/decision",
        "a softmax head has no decision, and its members are not looked at",
        "decision {} with softmax",
        SOFTMAX,
        decision={},
    )
    reject(
        "golden-without-embedding",
        "F1",
        "FIELD_VALUE",
        "/golden",
        "golden is null when embedding is; its contents are not looked at",
        "golden of six wrong records with embedding null",
        PLAIN,
        golden=[{}] * 6,
    )
    reject(
        "elasticnet-without-ratio-softmax",
        "F1",
        "FIELD_VALUE",
        "/l1_ratio",
        "elasticnet has an l1_ratio, for softmax too",
        "penalty elasticnet, l1_ratio null",
        SOFTMAX,
        penalty="elasticnet",
        l1_ratio=None,
    )
    reject(
        "golden-without-embedding-softmax",
        "F1",
        "FIELD_VALUE",
        "/golden",
        "golden is null when embedding is, for softmax too",
        "golden of six wrong records with embedding null",
        SOFTMAX,
        golden=[{}] * 6,
    )
    for name, value in (("number", 5), ("text", "x"), ("array", [])):
        reject(
            f"softmax-with-decision-{name}",
            "F1",
            "FIELD_TYPE",
            "/decision",
            "decision is an object or null for softmax too: its type comes before its agreement with link",
            f"decision {value!r} with softmax",
            SOFTMAX,
            decision=value,
        )
    for name, base in (("softmax", SOFTMAX), ("string", STRING)):
        reject(
            f"penalty-none-{name}",
            "F1",
            "FIELD_VALUE",
            "/penalty",
            "the penalty none of old scikit-learn is not in the list: null is",
            "penalty none",
            base,
            penalty="none",
        )
    for name, value in (("esm_model", "a"), ("esm_revision", "b"), ("batch_size", 1), ("device", "cpu")):
        reject(
            f"no-embedding-{name.replace('_', '-')}",
            "F6",
            "FIELD_VALUE",
            f"/{name}",
            "without an embedding the encoder's members are null",
            f"{name} is {value!r} with embedding null",
            PLAIN,
            **{name: value},
        )
    reject(
        "no-embedding-two",
        "F6",
        "FIELD_VALUE",
        "/esm_revision",
        "of two that are not null the first in the order of the rule is named",
        "device and esm_revision with embedding null",
        PLAIN,
        device="cpu",
        esm_revision="b",
    )
    reject(
        "no-embedding-full",
        "F6",
        "FIELD_VALUE",
        "/esm_model",
        "embedding null in a config with golden: the encoder's members are looked at before golden",
        "embedding null",
        embedding=None,
    )
    reject(
        "embedding-without-model",
        "F6",
        "FIELD_VALUE",
        "/esm_model",
        "an embedding names its model",
        "esm_model null",
        esm_model=None,
    )
    reject(
        "embedding-without-model-empty",
        "F6",
        "FIELD_VALUE",
        "/esm_model",
        "checked before the members of embedding",
        "esm_model null, embedding {}",
        esm_model=None,
        embedding={},
    )
    reject(
        "link-softmax",
        "F1",
        "FIELD_VALUE",
        "/decision",
        "the link of a binary head changed",
        "link softmax",
        PLAIN,
        link="softmax",
    )
    reject(
        "link-logistic",
        "F1",
        "FIELD_VALUE",
        "/decision",
        "the link of a softmax head changed",
        "link logistic",
        SOFTMAX,
        link="logistic",
    )
