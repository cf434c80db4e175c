"""Accept cases on class labels and class_weight (A3, G2)."""

from dataclasses import replace

from ..ieee import from_decimal, from_int
from ..json_bytes import Raw
from ..pair import Head, version_1
from ..suite import Suite
from .base import rng_head, rows


def label_cases(suite: Suite) -> None:
    base = rng_head(0x1AB, 3)
    sets: list[tuple[str, str, list[object], str]] = [
        ("int64-extremes", "<i8", [-(2**63), 2**63 - 1], "the ends of int64"),
        ("negative", "<i8", [-1, 1], "a negative label"),
        ("beyond-2-53", "<i8", [2**53 + 1, 2**53], "integers that binary64 cannot tell apart"),
        ("beyond-minus-2-53", "<i8", [-(2**53) - 1, 2**62 + 1], "integers that binary64 rounds, where no two meet"),
        ("reversed", "<i8", [1, 0], "the order of classes is the file's: it is not sorted"),
        ("float", "<f8", [from_decimal("-3.0"), from_decimal("7.0")], "integral floats stay floats"),
        ("float-extremes", "<f8", [from_int(-(2**53)), from_int(2**53)], "floats at the ends of the range"),
        ("bool", "|b1", [False, True], "booleans stay booleans"),
        ("bool-reversed", "|b1", [True, False], "true first"),
        ("digits-as-text", "<U2", ["1", "01"], "strings of digits stay strings"),
        ("empty-string", "<U1", ["", "x"], "the empty string is a label"),
        ("nfc-nfd", "<U2", ["\u00e9", "e\u0301"], "two spellings of one letter are two labels: no normalisation"),
        (
            "astral",
            "<U3",
            ["\U0001f9ec", "\U0010ffff\uffffa"],
            "code points above U+FFFF, the last one, and noncharacters",
        ),
        ("width-256", "<U256", ["\U0001f9ec" * 256, "a"], "256 code points, the longest label"),
        ("wide-array", "<U256", ["no", "yes"], "short labels in a wide array: trailing U+0000 are padding"),
        *(
            (f"width-{w}", f"<U{w}", ["a", "b" * w], f"labels of {w} code points")
            for w in (9, 10, 99, 100, 199, 200, 249, 250)
        ),
        ("beside-surrogates", "<U2", ["\ud7ff\ue000", "\uffff"], "the code points beside the surrogates"),
        (
            "controls",
            "<U4",
            ["\t\n\r\u007f", "\u2028\ufeff \u00a0"],
            "control characters, a byte order mark and spaces are kept in labels",
        ),
        ("property-names", "<U11", ["__proto__", "constructor"], "names that objects of a language have already"),
        ("case-twins", "<U3", ["Pos", "pos"], "labels are compared exactly"),
        ("nfd", "<U3", ["e\u0301x", "\u1100\u1161"], "decomposed letters stay decomposed"),
        ("spaces", "<U2", [" a", "a "], "spaces at the ends of a label are its own"),
    ]
    for name, dtype, labels, why in sets:
        head = replace(base, labels=labels, classes_dtype=dtype)
        suite.accept(f"class/{name}", "A3", why, version_1(head), rows(head, m=4))
    soft = replace(rng_head(0x1AC, 3, 4), labels=["b", "a", "\U0001f600", "\uffff"], classes_dtype="<U1")
    suite.accept(
        "class/softmax-unsorted",
        "A3",
        "four string classes in an order that no sort gives",
        version_1(soft),
        rows(soft, m=6),
    )
    soft = replace(rng_head(0x1AE, 3, 3), labels=["a", "A", "b"], classes_dtype="<U1")
    suite.accept(
        "class/softmax-case", "A3", "three classes, two of which differ by case", version_1(soft), rows(soft, m=6)
    )
    soft = replace(rng_head(0x1AF, 3, 3), labels=["b", "a", "c"], classes_dtype="<U1")
    suite.accept(
        "class/softmax-text",
        "A3",
        "three string classes with weights",
        version_1(soft, class_weight={"b": 1, "a": Raw("0.25"), "c": 2}),
        rows(soft, m=6),
    )
    soft = replace(rng_head(0x1AD, 3, 3), labels=[from_int(v) for v in (2, 0, -1)], classes_dtype="<f8")
    suite.accept("class/softmax-float", "A3", "three float classes, not ascending", version_1(soft), rows(soft, m=6))


def class_weight_cases(suite: Suite) -> None:
    base = rng_head(0xC1A5, 3)
    soft = replace(rng_head(0xC1A6, 3, 3), labels=[10, 2, -1])
    cases: list[tuple[str, Head, object]] = [
        ("balanced", base, "balanced"),
        ("empty", base, {}),
        ("one-of-two", base, {"1": 0}),
        ("int-order", soft, {"10": 1, "2": Raw("0.5"), "-1": 3}),
        ("float", replace(base, labels=[from_int(-3), from_int(10)], classes_dtype="<f8"), {"-3": 1, "10": 2}),
        ("bool", replace(base, labels=[False, True], classes_dtype="|b1"), {"false": Raw("1.5"), "true": 1}),
        ("bool-one", replace(base, labels=[True, False], classes_dtype="|b1"), {"true": Raw("0.5")}),
        ("text", replace(base, labels=["b", ""], classes_dtype="<U1"), {"b": 1, "": Raw("5e-324")}),
        (
            "property-names",
            replace(base, labels=["toString", "__proto__"], classes_dtype="<U9"),
            {"toString": 1, "__proto__": 2},
        ),
        ("digit-strings", replace(base, labels=["2", "1"], classes_dtype="<U1"), {"2": 1, "1": 2}),
        (
            "int64-extremes",
            replace(base, labels=[2**63 - 1, -(2**63)]),
            {"9223372036854775807": 1, "-9223372036854775808": 2},
        ),
        (
            "float-2-53",
            replace(base, labels=[from_int(2**53), from_int(-(2**53))], classes_dtype="<f8"),
            {"9007199254740992": 1, "-9007199254740992": 2},
        ),
    ]
    simple = {"\b": r"\b", "\f": r"\f", "\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "\\": r"\\", "/": r"\/"}
    units = {
        "\U00020000": r"\ud840\udc00",
        "\U0001f9ec": r"\ud83e\uddec",
        "\U0010ffff": r"\udbff\udfff",
        "\uffff": r"\uffff",
        "\u20ac": r"\u20AC",
    }
    escapes = {**simple, **units}
    labels = [f"a{character}" for character in escapes]
    eight = replace(rng_head(0xC1A7, 3, len(labels)), labels=labels, classes_dtype="<U2")
    weights = "{" + ", ".join(f'"a{escape}": 1' for escape in escapes.values()) + "}"
    suite.accept(
        "class-weight/escapes",
        "T2",
        "what every escape stands for: the keys are the labels, which need no escape in an array",
        version_1(eight, class_weight=Raw(weights)),
        rows(eight),
    )
    for name, head, weights in cases:
        suite.accept(
            f"class-weight/{name}",
            "G2",
            f"class_weight: {name.replace('-', ' ')}; keys in class order",
            version_1(head, class_weight=weights),
            rows(head),
        )
