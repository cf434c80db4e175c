"""Config against arrays, self-test, and limits (sections 11 and 12)."""

import copy
import hashlib
from dataclasses import replace

from .. import oracle
from ..ieee import INF, add, dyadic, from_int, hex16, mul
from ..json_bytes import Raw
from ..pair import Pair, binding, embedding, version_1
from ..suite import Suite
from .base import ASSAYS, FLOAT, FULL, PLAIN, SOFTMAX, STRING, WIDE, rng_head
from .edits import Edit, data_edit, patch, put


def agreement(suite: Suite) -> None:
    def reject(slug: str, clause: str, where: str, why: str, mutation: str, edit: Edit, base: str = FULL) -> None:
        suite.reject(f"mismatch/{slug}", clause, "FIELD_MISMATCH", where, why, base, mutation, edit)

    def config(*path: str | int, value: object) -> Edit:
        def edit(pair: Pair) -> None:
            node = pair.config
            for step in path[:-1]:
                node = node[step]
            node[path[-1]] = value

        return edit

    for n in (2, 4, 1280):
        reject(
            f"dimension-{n}",
            "G1",
            "/embedding/dimension",
            "the contract is for another number of features",
            f"embedding.dimension {n}",
            config("embedding", "dimension", value=n),
        )
    for slug, weights, name in (
        ("unknown", {"0": 1, "2": 1}, "2"),
        ("order", {"1": 1, "0": 1}, "0"),
        ("decimal", {"0.0": 1}, "0.0"),
        ("plus", {"+1": 1}, "+1"),
        ("minus-zero", {"-0": 1}, "-0"),
        ("leading-zero", {"00": 1}, "00"),
        ("space", {" 1": 1}, " 1"),
        ("empty", {"": 1}, ""),
        ("pointer", {"a/b~c": 1}, "a~1b~0c"),
        ("three", {"0": 1, "1": 1, "2": 1}, "2"),
    ):
        reject(
            f"class-weight-{slug}",
            "G2",
            f"/class_weight/{name}",
            "a name that is not the next key of a class",
            f"class_weight names {list(weights)}",
            config("class_weight", value=weights),
        )
    reject(
        "class-weight-float",
        "G2",
        "/class_weight/1.0",
        "the key of the float label 1.0 is 1",
        "class_weight of float labels named 1.0",
        config("class_weight", value={"1.0": 1}),
        FLOAT,
    )
    reject(
        "class-weight-text",
        "G2",
        "/class_weight/Pos",
        "the key of a string is the string",
        "class_weight named Pos",
        config("class_weight", value={"neg": 1, "Pos": 1}),
        STRING,
    )
    reject(
        "class-weight-text-order",
        "G2",
        "/class_weight/a",
        "names in the order of the classes, for strings and in the middle too",
        "class_weight names b, c, a for the classes b, a, c",
        config("class_weight", value={"b": 1, "c": 1, "a": 1}),
        "class/softmax-text",
    )
    reject(
        "class-weight-bool-order",
        "G2",
        "/class_weight/true",
        "names in the order of the classes, for booleans too",
        "class_weight names false, true for the classes true, false",
        config("class_weight", value={"false": 1, "true": 1}),
        "class-weight/bool-one",
    )
    for name in ("True", "1"):
        reject(
            f"class-weight-bool-{name.lower()}",
            "G2",
            f"/class_weight/{name}",
            "the keys of booleans are true and false",
            f"class_weight names {name}",
            config("class_weight", value={name: 1}),
            "class-weight/bool-one",
        )
    for j in (0, 7):
        for part, more in (("decision", ["0" * 16] * 2), ("probability", ["0" * 16] * 3)):
            reject(
                f"self-test-{j}-{part}",
                "G3",
                f"/self_test/{j}/{part}",
                "one value a row, or a class",
                f"self_test[{j}].{part} with {len(more)} values",
                config("self_test", j, part, value=more),
            )
    reject(
        "self-test-few",
        "G3",
        "/self_test/2/decision",
        "one value a row",
        "self_test[2].decision with 1 value of 3",
        config("self_test", 2, "decision", value=["0" * 16]),
        SOFTMAX,
    )
    for part, count in (("embedding", 4), ("embedding", 2), ("embedding", 16), ("decision", 2), ("probability", 3)):
        reject(
            f"golden-{part}-{count}",
            "G4",
            f"/golden/4/{part}",
            "min(16, n), rows and k values",
            f"golden[4].{part} with {count} values",
            config("golden", 4, part, value=[Raw("0.5")] * count),
        )
    reject(
        "golden-embedding-15-of-20",
        "G4",
        "/golden/0/embedding",
        "min(16, n) values",
        "golden[0].embedding with 15 values",
        config("golden", 0, "embedding", value=[0] * 15),
        WIDE,
    )
    reject(
        "golden-embedding-1-of-20",
        "G4",
        "/golden/5/embedding",
        "min(16, n) values",
        "golden[5].embedding with 1 value",
        config("golden", 5, "embedding", value=[0]),
        WIDE,
    )
    for counts in ([914], [1, 2, 3]):
        reject(
            f"rows-by-class-{len(counts)}",
            "G5",
            "/training/rows_by_class",
            "one count a class",
            f"training.rows_by_class with {len(counts)} values",
            config("training", "rows_by_class", value=counts),
        )


def self_tests(suite: Suite) -> None:
    def reject(slug: str, where: str, why: str, mutation: str, edit: Edit, base: str = PLAIN) -> None:
        suite.reject(f"self-test/{slug}", "E3", "SELF_TEST", where, why, base, mutation, edit)

    def bump(j: int, part: str, index: int = 0, by: int = 1) -> Edit:
        def edit(pair: Pair) -> None:
            values = pair.config["self_test"][j][part]
            values[index] = hex16(int(values[index], 16) ^ by)

        return edit

    for j in range(8):
        reject(
            f"decision-{j}",
            f"/self_test/{j}/decision",
            "the last bit of a stored decision",
            f"self_test[{j}].decision[0] one bit off",
            bump(j, "decision"),
        )
        reject(
            f"probability-{j}",
            f"/self_test/{j}/probability",
            "the last bit of a stored probability",
            f"self_test[{j}].probability[1] one bit off",
            bump(j, "probability", 1),
        )
    reject(
        "swapped",
        "/self_test/0/decision",
        "records in another order",
        "records 0 and 1 swapped",
        lambda p: p.config["self_test"].insert(0, p.config["self_test"].pop(1)),
    )
    reject(
        "softmax-last",
        "/self_test/3/probability",
        "the last probability of a softmax head",
        "self_test[3].probability[2] one bit off",
        bump(3, "probability", 2),
        SOFTMAX,
    )
    reject(
        "softmax-decision",
        "/self_test/6/decision",
        "the last decision of a softmax head",
        "self_test[6].decision[2] one bit off",
        bump(6, "decision", 2),
        SOFTMAX,
    )
    base = "probe/n33"
    wrong = [
        a != b["decision"]
        for a, b in zip(sequential(suite.pairs[base]), suite.pairs[base].config["self_test"], strict=True)
    ]
    reject(
        "sequential-sum",
        f"/self_test/{wrong.index(True)}/decision",
        "decisions made by a sum from left to right",
        "the decisions of a sequential sum",
        lambda p: [record.update(decision=d) for record, d in zip(p.config["self_test"], sequential(p), strict=True)],
        base,
    )
    reject(
        "weights-changed",
        "/self_test/0/decision",
        "other weights under a digest made anew",
        "one coefficient's last bit, digests recomputed",
        patch("coef", 0, changed_weight(suite)),
    )
    first = 3
    reject(
        "overflow",
        f"/self_test/{first}/decision",
        "a head whose decisions overflow on the self-test inputs",
        "two coefficients near 2^1022 that first overflow in record 3",
        lambda p: overflow(p, first),
    )
    reject(
        "order-within",
        "/self_test/2/decision",
        "of one record the decision is compared first",
        "record 2: decision and probability wrong",
        lambda p: (bump(2, "probability")(p), bump(2, "decision")(p)),
    )
    reject(
        "order-between",
        "/self_test/1/probability",
        "records are compared in their order",
        "record 1: probability wrong; record 4: decision wrong",
        lambda p: (bump(1, "probability")(p), bump(4, "decision")(p)),
    )
    reject(
        "order-between-softmax",
        "/self_test/2/probability",
        "records are compared in their order, for softmax too",
        "record 2: probability wrong; record 5: decision wrong",
        lambda p: (bump(2, "probability")(p), bump(5, "decision", 1)(p)),
        SOFTMAX,
    )


def bindings(suite: Suite) -> None:
    """One thing that the self-test is bound to, changed under digests made anew; the records stay."""

    def reject(slug: str, what: str, edit: Edit, base: str = FULL) -> None:
        def stale(pair: Pair) -> None:
            pair.own_records = None
            edit(pair)

        suite.reject(
            f"self-test/bound-{slug}",
            "E2",
            "SELF_TEST",
            "/self_test/0/decision",
            "the records are of a file that had another value here",
            base,
            what,
            stale,
        )

    reject("threshold", "decision.threshold 0.5 to 0.25", put("/decision", "threshold", Raw("0.25")))
    reject("threshold-last-bit", "its last bit", put("/decision", "threshold", Raw("0.50000000000000011")))
    reject("assay-threshold", "the threshold of PSR", put("/decision/assay_thresholds", "PSR", Raw("0.5496")))
    reject("assay-more", "one assay type more", put("/decision/assay_thresholds", "X", Raw("0.5")))
    reject("assay-less", "one assay type less", lambda p: p.config["decision"]["assay_thresholds"].pop("PSR"))
    reject(
        "assay-name",
        "an assay type has another name",
        lambda p: p.config["decision"].update(assay_thresholds={"ELISA": Raw("0.5"), "PSP": Raw("0.5495")}),
    )
    reject(
        "assay-order",
        "the assay types in another order",
        lambda p: p.config["decision"].update(assay_thresholds=dict(reversed(ASSAYS.items()))),
    )
    reject("contract-revision", "embedding.revision", put("/embedding", "revision", "main"))
    reject("contract-weights", "embedding.weights_sha256", put("/embedding", "weights_sha256", "0" * 64))
    reject("contract-dtype", "embedding.dtype", put("/embedding", "dtype", "float16"))
    reject(
        "contract-order",
        "the members of embedding in another order",
        lambda p: p.config.update(embedding=dict(reversed(p.config["embedding"].items()))),
    )
    reject("golden", "a golden value", put("/golden/3/embedding", "1", Raw("0.021")))
    reject("golden-last", "the last golden value", put("/golden/5/probability", "1", Raw("0.11")))
    reject("golden-zero", "a golden 0 becomes -0", put("/golden/0/probability", "0", Raw("-0.0")))
    reject("format-version", "format_version 1.0 to 1.1", lambda p: p.config.update(format_version="1.1"))
    reject("labels", "the labels 0 and 1 become 0 and 2", patch("classes", 1, 2), PLAIN)
    reject(
        "labels-swapped",
        "the labels change places",
        data_edit("classes", lambda b: b[:128] + b[136:] + b[128:136]),
        PLAIN,
    )
    reject("n-iter", "n_iter 12 to 13", patch("n_iter", 0, 13, 4), PLAIN)
    reject("weight-last-bit", "the last bit of a small coefficient", patch("coef", 1, small_weight(suite) ^ 1), PLAIN)
    reject(
        "zip-time",
        "the time of a member, a free field of the archive",
        lambda p: p.archive.entries[0].both.update(time=1),
        PLAIN,
    )
    reject("softmax-labels", "a label of a softmax head", patch("classes", 2, 7), SOFTMAX)


def small_weight(suite: Suite) -> int:
    return suite.pairs[PLAIN].head.coef[0][1]


def changed_weight(suite: Suite) -> int:
    return suite.pairs[PLAIN].head.coef[0][0] ^ 1 << 32


def inputs(pair: Pair) -> list[list[int]]:
    """The eight inputs of E3 for a pair as it is."""
    config = {**pair.config, "npz_sha256": hashlib.sha256(pair.npz()).hexdigest()}
    return [oracle.self_test_input(j, pair.head.n, seed) for j, seed in enumerate(oracle.seeds(binding(config)))]


def sequential(pair: Pair) -> list[list[str]]:
    """The decisions that a loop without lanes would give."""
    head = pair.head
    decisions = []
    for row in inputs(pair):
        total = 0
        for x, w in zip(row, head.coef[0], strict=True):
            total = add(total, mul(x, w))
        decisions.append([hex16(add(total, head.intercept[0]))])
    return decisions


def overflow(pair: Pair, first: int) -> None:
    """Give the head weights that overflow from record `first` on, and right records before it."""
    head = copy.deepcopy(pair.head)
    head.coef[0][0] = head.coef[0][1] = dyadic(2**53 - 1, 970 - first + 1)
    pair.set_npy("coef", head.arrays()["coef"])
    records, broken = [], None
    for j, row in enumerate(inputs(pair)):
        try:
            s = oracle.score(row, head.coef, head.intercept, pair.threshold)
            records.append(
                {"decision": [hex16(v) for v in s.decision], "probability": [hex16(v) for v in s.probability]}
            )
        except oracle.NonFiniteError:
            broken = j if broken is None else broken
            records.append({"decision": [hex16(INF)], "probability": ["0" * 16, hex16(from_int(1))]})
    if broken != first:
        raise ValueError(f"overflows first in record {broken}")
    pair.config["self_test"] = records


def accept_limits(suite: Suite) -> None:
    head = replace(rng_head(0x65536, 65536), coef_dtype="<f4")
    suite.accept("limit/features-65536", "N6", "the most features allowed; the self-test scores them", version_1(head))
    k = 1024
    head = replace(rng_head(0x1024, 1, k), labels=list(range(k)))
    suite.accept(
        "limit/classes-1024-golden",
        "F1",
        "golden results of 1,024 classes",
        version_1(replace(rng_head(0x1025, 1, k), labels=list(range(k))), **embedding(rng_head(0x1025, 1, k))),
    )
    suite.accept("limit/classes-1024", "N6", "the most classes allowed; the self-test scores them", version_1(head))
