"""Accept cases of version 0."""

from dataclasses import replace

from ..ieee import from_decimal, from_int
from ..json_bytes import Raw
from ..pair import version_0
from ..suite import Predict, Rows, Suite
from .base import rng_head, rows


def version_0_cases(suite: Suite) -> None:
    head = rng_head(0x00, 5)
    ranges = {
        "<i8": [-(2**63), 2**63 - 1],
        "<i4": [-(2**31), 2**31 - 1],
        "<i2": [-32768, 32767],
        "|i1": [-128, 127],
        "<u8": [2**63 - 1, 0],
        "<u4": [0, 2**32 - 1],
        "<u2": [65535, 1],
        "|u1": [255, 0],
    }
    for dtype, labels in ranges.items():
        h = replace(head, labels=labels, classes_dtype=dtype, n_features_dtype=dtype, n_iter_dtype=dtype, n_iter=[100])
        suite.accept(
            f"v0/int-{dtype[1:]}",
            "V2",
            f"version 0: labels, n_features_in and n_iter of dtype {dtype} become 64-bit integers",
            version_0(h),
            rows(h),
        )
    u8 = replace(head, n_iter=[2**64 - 1], n_iter_dtype="<u8")
    suite.accept(
        "v0/n-iter-u8-max", "V2", "version 0: an unsigned n_iter above int64 is not negative", version_0(u8), rows(u8)
    )
    scalar = replace(head, scalar_intercept=True)
    suite.accept(
        "v0/scalar-intercept",
        "V2",
        "version 0: an intercept of shape () is read as (1,)",
        version_0(scalar),
        rows(scalar),
    )
    f4 = replace(head, coef_dtype="<f4", intercept_dtype="<f4")
    suite.accept(
        "v0/f4",
        "V2",
        "version 0: binary32 coefficients and binary32 input",
        version_0(f4),
        [Predict(Rows(rows(f4)[0].x.rows, "f4"))],
    )
    for dtype, labels, name in (
        ("|b1", [False, True], "bool"),
        ("<U4", ["neg", "posi"], "text"),
        ("<f8", [from_int(0), from_int(1)], "float"),
    ):
        h = replace(head, labels=labels, classes_dtype=dtype)
        suite.accept(f"v0/labels-{name}", "V2", f"version 0: labels of dtype {dtype}", version_0(h), rows(h))
    suite.accept(
        "v0/unknown-members",
        "V2",
        "version 0: unknown members are ignored, at any depth and of any type",
        version_0(head, max_length=1024, layers={"dropout": [None, {"a": 1}]}, Format="x", **{"": 0}),
        rows(head),
    )
    suite.accept("v0/no-device", "V2", "version 0: device may be absent", version_0(head, device=...), rows(head))
    suite.accept(
        "v0/nulls",
        "V2",
        "version 0: the members that may be null, and numbers that version 1 would not take",
        version_0(
            head,
            penalty=None,
            random_state=None,
            esm_revision=None,
            max_iter=-1,
            batch_size=0,
            C=3,
            sklearn_version="",
            solver="",
            esm_model="./local path/..",
            device="",
        ),
        rows(head),
    )
    suite.accept(
        "v0/class-weight-map",
        "V2",
        "version 0: names in class_weight are free",
        version_0(head, class_weight={"pos": Raw("0.0"), "1.0": 2, "": 1}),
        rows(head),
    )
    suite.accept(
        "v0/class-weight-balanced", "V2", "version 0: balanced", version_0(head, class_weight="balanced"), rows(head)
    )
    plain = version_0(head)
    for entry in plain.archive.entries:
        entry.zip64, entry.both = False, {}
    suite.accept("v0/plain-zip", "V2", "version 0 without zip64 extras", plain, rows(head))
    text = version_0(head)
    text.edit_body.append(lambda b: b"\r\n\t" + b.replace(b",\n", b"\r\n,\t"))
    text.edit_text.append(lambda b: b[:-1] + b" \t\r\n\n")
    suite.accept(
        "v0/white-space", "V2", "version 0: JSON white space is free, before, between and after", text, rows(head)
    )
    suite.accept(
        "v0/assay-types",
        "P7",
        "version 0: ELISA is 0.5 and PSR 0.5495, no other",
        version_0(head),
        [Predict(rows(head)[0].x, assay_type=name) for name in ("ELISA", "PSR", "CIC")]
        + [Predict(rows(head)[0].x, threshold=from_decimal("0.25"))],
    )
