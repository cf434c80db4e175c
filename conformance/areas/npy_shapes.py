"""Reject cases on shapes and lengths (N5 to N7, A1)."""

from ..npy_bytes import words
from ..suite import Suite
from .base import SOFTMAX, STRING, V0
from .edits import data_edit, head_edit, rejecter


def dimensions(suite: Suite) -> None:
    reject = rejecter(suite, "npy-shape", "N5", "ARRAY_SHAPE")
    reject("coef-1d", "coef has two dimensions", "coef (4,)", head_edit("coef", "<f8", (4,)))
    reject("coef-0d", "coef has two dimensions", "coef ()", head_edit("coef", "<f8", ()))
    for member, descr, size in (
        ("intercept", "<f8", 1),
        ("classes", "<i8", 2),
        ("n_features_in", "<i8", 1),
        ("n_iter", "<i4", 1),
    ):
        slug = member.replace("_", "-")
        reject(
            f"{slug}-2d",
            f"{member} has one dimension",
            f"{member} ({size}, 1)",
            head_edit(member, descr, (size, 1)),
            member,
        )
        reject(
            f"{slug}-0d",
            f"{member} has one dimension; () is for version 0's intercept",
            f"{member} ()",
            head_edit(member, descr, (), data=bytes(int(descr[2:]))),
            member,
        )
    reject(
        "intercept-0d-f4",
        "intercept has one dimension, as <f4 too",
        "intercept () of dtype <f4",
        head_edit("intercept", "<f4", (), data=bytes(4)),
        "intercept",
    )
    reject(
        "intercept-0d-string-labels",
        "intercept has one dimension; () is for version 0",
        "intercept ()",
        head_edit("intercept", "<f8", ()),
        "intercept",
        STRING,
    )
    reject(
        "v0-intercept-2d",
        "version 0: an intercept of shape () or (1,)",
        "intercept (1, 1)",
        head_edit("intercept", "<f8", (1, 1)),
        "intercept",
        V0,
    )
    reject(
        "v0-n-iter-0d",
        "version 0: only the intercept may be a scalar",
        "n_iter ()",
        head_edit("n_iter", "<i4", ()),
        "n_iter",
        V0,
    )
    reject = rejecter(suite, "limit", "N6", "ARRAY_LIMIT")
    for slug, shape in {
        "rows-1025": (1025, 1),
        "features-65537": (1, 65537),
        "elements": (257, 65536),
        "shape-max": (999999999, 999999999),
        "row-max": (999999999, 1),
        "column-max": (1, 999999999),
        "elements-1024": (1024, 16385),
        "elements-1-more": (257, 65281),
    }.items():
        reject(
            slug,
            "a shape over the limit, judged before its bytes are looked for",
            f"coef {shape}",
            head_edit("coef", "<f8", shape),
        )
    for member, descr in (("intercept", "<f8"), ("classes", "<i8"), ("n_features_in", "<i8"), ("n_iter", "<i8")):
        reject(
            f"{member.replace('_', '-')}-1025",
            "more than 1,024 values",
            f"{member} (1025,)",
            head_edit(member, descr, (1025,), data=bytes(8200 if member == "intercept" else 16)),
            member,
        )
    reject(
        "v0-features-65537",
        "version 0 has the same limits",
        "coef (1, 65537)",
        head_edit("coef", "<f8", (1, 65537)),
        base=V0,
    )


def lengths(suite: Suite) -> None:
    reject = rejecter(suite, "npy-length", "N7", "NPY_LENGTH")
    for slug, mutation, edit in (
        ("element-short", "8 bytes less", lambda b: b[:-8]),
        ("bytes-short", "3 bytes less", lambda b: b[:-3]),
        ("element-more", "8 bytes more", lambda b: b + bytes(8)),
        ("byte-more", "a byte more", lambda b: b + b"\0"),
        ("newline-more", "a newline more", lambda b: b + b"\n"),
        ("none", "no data", lambda b: b[:128]),
    ):
        reject(slug, "the data has exactly the length that the shape gives", mutation, data_edit("coef", edit))
    reject("f4-as-f8", "a header of the other width", "coef <f4 in the header only", head_edit("coef", "<f4", (1, 4)))
    reject(
        "limit-shape",
        "the largest shape allowed, with 32 bytes there: nothing is allocated for it",
        "coef (256, 65536)",
        head_edit("coef", "<f8", (256, 65536)),
    )
    for member in ("intercept", "classes", "n_features_in", "n_iter"):
        reject(
            f"{member.replace('_', '-')}-more",
            "each member is looked at",
            "a byte more",
            data_edit(member, lambda b: b + b"\0"),
            member,
        )
    reject(
        "text-width",
        "a label array cut by one code point",
        "4 bytes less",
        data_edit("classes", lambda b: b[:-4]),
        "classes",
        STRING,
    )
    reject(
        "v0-scalar",
        "version 0: a scalar intercept is one number",
        "intercept () with 16 bytes",
        head_edit("intercept", "<f8", (), data=bytes(16)),
        "intercept",
        V0,
    )


def shapes(suite: Suite) -> None:
    reject = rejecter(suite, "array-shape", "A1", "ARRAY_SHAPE")
    reject(
        "logistic-2-rows",
        "a logistic head has one row",
        "coef (2, 4)",
        head_edit("coef", "<f8", (2, 4), data=bytes(64)),
    )
    reject(
        "logistic-3-rows",
        "a logistic head has one row",
        "coef (3, 4)",
        head_edit("coef", "<f8", (3, 4), data=bytes(96)),
    )
    reject("transposed", "a column is not a row", "coef (4, 1)", head_edit("coef", "<f8", (4, 1)))
    reject(
        "softmax-1-row",
        "a softmax head has three rows or more",
        "coef (1, 12)",
        head_edit("coef", "<f8", (1, 12)),
        base=SOFTMAX,
    )
    reject(
        "softmax-2-rows",
        "two classes are logistic; softmax over two rows is another function",
        "coef (2, 6)",
        head_edit("coef", "<f8", (2, 6)),
        base=SOFTMAX,
    )
    reject(
        "intercept-2",
        "one intercept a row",
        "intercept (2,)",
        head_edit("intercept", "<f8", (2,), data=bytes(16)),
        "intercept",
    )
    reject(
        "intercept-softmax-1",
        "one intercept a row",
        "intercept (1,)",
        head_edit("intercept", "<f8", (1,), data=bytes(8)),
        "intercept",
        SOFTMAX,
    )
    reject(
        "classes-1",
        "a logistic head has two classes",
        "classes (1,)",
        head_edit("classes", "<i8", (1,), data=bytes(8)),
        "classes",
    )
    reject(
        "classes-3",
        "a logistic head has two classes",
        "classes (3,)",
        head_edit("classes", "<i8", (3,), data=words([0, 1, 2], 8)),
        "classes",
    )
    reject(
        "classes-softmax-2",
        "one class a row",
        "classes (2,)",
        head_edit("classes", "<i8", (2,), data=words([0, 1], 8)),
        "classes",
        SOFTMAX,
    )
    reject(
        "classes-softmax-4",
        "one class a row",
        "classes (4,)",
        head_edit("classes", "<i8", (4,), data=words([0, 1, 2, 3], 8)),
        "classes",
        SOFTMAX,
    )
    reject(
        "n-features-2",
        "n_features_in is one number",
        "n_features_in (2,)",
        head_edit("n_features_in", "<i8", (2,), data=words([4, 4], 8)),
        "n_features_in",
    )
    reject(
        "n-iter-2",
        "n_iter is one number or one a row",
        "n_iter (2,)",
        head_edit("n_iter", "<i4", (2,), data=bytes(8)),
        "n_iter",
    )
    reject(
        "n-iter-softmax-2",
        "n_iter is one number or one a row",
        "n_iter (2,)",
        head_edit("n_iter", "<i4", (2,), data=bytes(8)),
        "n_iter",
        SOFTMAX,
    )
    reject(
        "v0-3-rows", "version 0 is logistic", "coef (3, 4)", head_edit("coef", "<f8", (3, 4), data=bytes(96)), base=V0
    )
    reject(
        "v0-3-classes",
        "version 0 has two classes",
        "classes (3,)",
        head_edit("classes", "<i8", (3,), data=words([0, 1, 2], 8)),
        "classes",
        V0,
    )
    reject(
        "v0-n-iter-2",
        "version 0: one n_iter",
        "n_iter (2,)",
        head_edit("n_iter", "<i4", (2,), data=bytes(8)),
        "n_iter",
        V0,
    )
