"""Reject cases on array values (A2, A3)."""

from ..ieee import INF, SIGN, from_decimal, from_int
from ..npy_bytes import words
from ..pair import item_size
from ..suite import Suite
from .base import FLOAT, SOFTMAX, STRING, V0, WIDE
from .edits import Edit, data_edit, head_edit, patch, rejecter
from .predict import NAN


def values(suite: Suite) -> None:
    reject = rejecter(suite, "array-nonfinite", "A2", "ARRAY_NONFINITE")
    for slug, bits in {
        "nan": NAN,
        "nan-signalling": INF + 1,
        "nan-negative": NAN | SIGN,
        "inf": INF,
        "minus-inf": INF | SIGN,
    }.items():
        reject(f"coef-{slug}", "coefficients are finite", f"coef[0, 3] has bits {bits:016x}", patch("coef", 3, bits))
    reject("intercept-inf", "the intercept is finite", "intercept infinite", patch("intercept", 0, INF), "intercept")
    reject(
        "f4-nan",
        "a NaN in binary32",
        "coef as <f4 with a NaN",
        head_edit("coef", "<f4", (1, 4), data=words([0, 0x7FC00000, 0, 0], 4)),
    )
    reject("classes-nan", "float labels are finite", "classes[1] NaN", patch("classes", 1, NAN), "classes", FLOAT)
    reject("classes-inf", "float labels are finite", "classes[0] infinite", patch("classes", 0, INF), "classes", FLOAT)
    for slug, base, index in (("last", WIDE, 19), ("n320-last", "width/n320", 319), ("n320-middle", "width/n320", 200)):
        reject(
            f"coef-{slug}",
            "every coefficient is looked at",
            f"coef[0, {index}] NaN",
            patch("coef", index, NAN, item_size(suite.pairs[base].head.coef_dtype)),
            base=base,
        )
    reject("v0-coef", "version 0 has the same rule", "coef[0, 0] NaN", patch("coef", 0, NAN), base=V0)
    label_values(suite)
    reject = rejecter(suite, "array-value", "A3", "ARRAY_VALUE")
    for value in (3, 5, 0, -4, 2**32 + 4, -(2**63)):
        reject(
            f"n-features-{value}".replace("--", "-minus-"),
            "n_features_in is the number of columns",
            f"n_features_in {value}",
            patch("n_features_in", 0, value),
            "n_features_in",
        )
    for slug, value, base in (
        ("softmax-plus", 2**32 + 4, SOFTMAX),
        ("wide-plus", 2**32 + 20, WIDE),
        ("wide", 2**63 - 1, WIDE),
    ):
        reject(
            f"n-features-{slug}-2-32" if "plus" in slug else f"n-features-{slug}-max",
            "n_features_in is compared with all its 64 bits",
            f"n_features_in {value}",
            patch("n_features_in", 0, value),
            "n_features_in",
            base,
        )
    reject("n-iter-negative", "a count of iterations is not negative", "n_iter -1", patch("n_iter", 0, -1, 4), "n_iter")
    reject(
        "n-iter-min", "a count of iterations is not negative", "n_iter -2^31", patch("n_iter", 0, -(2**31), 4), "n_iter"
    )
    reject(
        "v0-n-features",
        "version 0 has the same rule",
        "n_features_in 5",
        patch("n_features_in", 0, 5),
        "n_features_in",
        V0,
    )
    reject(
        "v0-n-features-u8",
        "version 0: an unsigned number is compared as such",
        "n_features_in as <u8, 2^64 - 4",
        head_edit("n_features_in", "<u8", (1,), data=words([-4], 8)),
        "n_features_in",
        V0,
    )
    reject(
        "v0-n-features-i1",
        "version 0: a signed byte is compared as such",
        "n_features_in as |i1, -4",
        head_edit("n_features_in", "|i1", (1,), data=b"\xfc"),
        "n_features_in",
        V0,
    )
    reject(
        "v0-n-iter-i2",
        "version 0: a negative n_iter of any width",
        "n_iter as <i2, -1",
        head_edit("n_iter", "<i2", (1,), data=b"\xff\xff"),
        "n_iter",
        V0,
    )


def relabel(descr: str, data: bytes) -> Edit:
    return head_edit("classes", descr, (2,), data=data)


def label_values(suite: Suite) -> None:
    reject = rejecter(suite, "label", "A3", "LABEL_VALUE")
    for slug, bits in {
        "half": from_decimal("0.5"),
        "minus-zero": SIGN,
        "above-2-53": from_int(2**53 + 2),
        "below-2-53": from_int(-(2**53) - 2),
        "huge": from_decimal("1e308"),
        "subnormal": 1,
        "almost-1": from_int(1) - 1,
    }.items():
        reject(
            f"float-{slug}",
            "a float label is integral, within 2^53, and not -0",
            f"classes[0] has bits {bits:016x}",
            patch("classes", 0, bits),
            "classes",
            FLOAT,
        )
    for value in (2, 255):
        reject(
            f"bool-{value}",
            "a boolean byte is 0 or 1",
            f"classes as |b1 with a byte {value}",
            relabel("|b1", bytes([0, value])),
            "classes",
        )
    points = {
        "nul-inside": [0x61, 0, 0x62],
        "nul-first": [0, 0x61, 0],
        "high-surrogate": [0xD800, 0, 0],
        "low-surrogate": [0x61, 0xDFFF, 0],
        "surrogate-pair": [0xD83E, 0xDDEC, 0],
        "above-10ffff": [0x110000, 0, 0],
        "max": [0xFFFFFFFF, 0, 0],
        "sign-bit": [0x80000061, 0, 0],
    }
    for slug, point in points.items():
        reject(
            f"text-{slug}",
            "no U+0000 inside, no surrogate, nothing above U+10FFFF",
            f"classes[0] has code points {point}",
            data_edit("classes", lambda b, point=point: b[:128] + words(point, 4) + b[140:]),
            "classes",
            STRING,
        )
    for value in (2**63, 2**64 - 1):
        reject(
            f"v0-u8-{value}",
            "version 0: a label above int64",
            f"classes as <u8 with {value}",
            relabel("<u8", words([0, value], 8)),
            "classes",
            V0,
        )
    reject(
        "v0-half",
        "version 0 has the same rule",
        "classes[1] = 0.5",
        patch("classes", 1, from_decimal("0.5")),
        "classes",
        V0,
    )
    same = rejecter(suite, "label", "A3", "LABEL_DUPLICATE")
    same("same-int", "labels are distinct", "classes [1, 1]", relabel("<i8", words([1, 1], 8)), "classes")
    same("same-float", "labels are distinct", "classes [1.0, 1.0]", patch("classes", 0, from_int(1)), "classes", FLOAT)
    same("same-bool", "labels are distinct", "classes [True, True]", relabel("|b1", b"\1\1"), "classes")
    same(
        "same-text",
        "labels are distinct",
        "both labels pos",
        data_edit("classes", lambda b: b[:128] + b[140:] * 2),
        "classes",
        STRING,
    )
    same("same-empty", "two empty strings", "both labels empty", relabel("<U2", bytes(16)), "classes")
    same(
        "same-softmax",
        "the first and the last label are equal",
        "classes [0, 1, 0]",
        head_edit("classes", "<i8", (3,), data=words([0, 1, 0], 8)),
        "classes",
        SOFTMAX,
    )
    same("v0-same-u8", "version 0 has the same rule", "classes as |u1 [1, 1]", relabel("|u1", b"\1\1"), "classes", V0)
