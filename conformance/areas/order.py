"""Two faults, of which the specification names the first (R3)."""

from collections.abc import Callable

from ..npy_bytes import preamble
from ..pair import Pair
from ..suite import Suite
from .base import FULL, SOFTMAX, V0
from .edits import Edit, node_at, put


def order(suite: Suite) -> None:
    """Two faults, of which the specification names the first. The mutation says both."""

    def reject(
        slug: str, clause: str, code: str, where: str | None, why: str, edits: list[Edit], base: str = FULL
    ) -> None:
        suite.reject(
            f"order/{slug}",
            clause,
            code,
            where,
            f"two faults: {why}",
            base,
            "two faults, see why",
            lambda p: [edit(p) for edit in edits],
        )

    def drop(path: str, name: str) -> Edit:
        return lambda p: node_at(p.config, path).pop(name)

    def bad_digest(pair: Pair) -> None:
        pair.edit_text.append(lambda b: b[:-68] + b"0" * 64 + b[-4:])

    def bad_npz_digest(pair: Pair) -> None:
        pair.config["npz_sha256"] = "0" * 64

    def data(member: str, edit: Callable[[bytes], bytes]) -> Edit:
        return lambda p: p.set_npy(member, edit(p.entry(member).data))

    def npy(member: str, descr: str, shape: tuple[int, ...], more: bytes = b"", **parts: str) -> Edit:
        return data(member, lambda b: preamble(descr, shape, **parts) + b[128:] + more)

    nan = bytes(6) + b"\xf8\x7f"
    coef_nan = data("coef", lambda b: b[:128] + nan + b[136:])
    bad_magic = data("coef", lambda b: b"X" + b[1:])
    unknown_root = put("", "aaa", 1)
    self_test = put("/self_test/0", "decision", ["0" * 16])

    def raw(old: bytes, new: bytes) -> Edit:
        return lambda p: p.edit_body.append(lambda b: b.replace(old, new))

    def late(more: bytes) -> Edit:
        return lambda p: p.edit_body.append(lambda b: b + more)

    late_latin1 = late(b', "\xe9": 1')
    early_syntax = raw(b'"format": "plmhead"', b'"format" "plmhead"')
    early_duplicate = raw(b'"format": "plmhead"', b'"format": "plmhead", "format": 1')
    early_number = raw(b'"C": 1.0', b'"C": -0')
    late_nan = late(b', "x": NaN')
    reject(
        "encoding-before-syntax",
        "T1",
        "JSON_ENCODING",
        None,
        "a syntax fault early, a bad byte late; the whole file is decoded first",
        [early_syntax, late_latin1],
    )
    reject(
        "duplicate-before-syntax",
        "T4",
        "JSON_DUPLICATE_NAME",
        None,
        "a duplicate name early, NaN late",
        [early_duplicate, late_nan],
    )
    reject(
        "syntax-before-duplicate",
        "T2",
        "JSON_SYNTAX",
        None,
        "a missing colon early, a duplicate name late",
        [early_syntax, raw(b'"npz_sha256"', b'"solver": 1, "npz_sha256"')],
    )
    reject("number-before-syntax", "T5", "JSON_NUMBER", None, "-0 early, NaN late", [early_number, late_nan])
    reject(
        "syntax-before-version",
        "T2",
        "JSON_SYNTAX",
        None,
        "format_version 2.0, NaN late",
        [put("", "format_version", "2.0"), late_nan],
    )
    reject(
        "surrogate-before-format",
        "T3",
        "JSON_SURROGATE",
        None,
        "format missing, a lone surrogate late",
        [drop("", "format"), lambda p: p.edit_body.append(lambda b: b + b', "x": "\\udead"')],
    )
    reject(
        "version-before-digest",
        "V4",
        "VERSION_UNSUPPORTED",
        "/format_version",
        "format_version 2.0, the config's digest wrong",
        [put("", "format_version", "2.0"), bad_digest],
    )
    reject(
        "format-before-version",
        "V3",
        "FORMAT_UNKNOWN",
        "/format",
        "format other, format_version missing",
        [put("", "format", "other"), drop("", "format_version")],
    )
    reject(
        "digest-before-field",
        "D3",
        "CONFIG_DIGEST",
        "/config_sha256",
        "the config's digest wrong, C missing",
        [bad_digest, drop("", "C")],
    )
    reject(
        "digest-before-npz-digest",
        "D3",
        "CONFIG_DIGEST",
        "/config_sha256",
        "both digests wrong",
        [bad_digest, bad_npz_digest],
    )
    reject(
        "seal-before-digest",
        "D2",
        "CONFIG_SEAL",
        "/config_sha256",
        "an upper-case digit in a wrong digest",
        [bad_digest, lambda p: p.edit_text.append(lambda b: b[:-5] + b"A" + b[-4:])],
    )
    reject(
        "table-order",
        "F1",
        "FIELD_TYPE",
        "/solver",
        "solver a number, max_iter missing; max_iter stands first in the file",
        [put("", "solver", 1), drop("", "max_iter")],
    )
    reject(
        "table-not-file",
        "F1",
        "FIELD_VALUE",
        "/penalty",
        "members in reverse order in the file; penalty and device wrong",
        [
            put("", "penalty", "x"),
            put("", "device", "X"),
            lambda p: setattr(p, "config", dict(reversed(p.config.items()))),
        ],
    )
    reject(
        "contents-before-next",
        "F1",
        "FIELD_VALUE",
        "/decision/threshold",
        "threshold 2 in decision, embedding a string",
        [put("/decision", "threshold", 2), put("", "embedding", "x")],
    )
    reject(
        "nested-unknown-before-next",
        "F3",
        "FIELD_UNKNOWN",
        "/decision/x",
        "an unknown member in decision, embedding a string",
        [put("/decision", "x", 1), put("", "embedding", "x")],
    )
    reject(
        "nested-table-before-unknown",
        "F1",
        "FIELD_MISSING",
        "/decision/assay_thresholds",
        "an unknown member first in decision, assay_thresholds missing",
        [put("/decision", "x", 1), drop("/decision", "assay_thresholds")],
    )
    reject(
        "unknown-last",
        "F1",
        "FIELD_VALUE",
        "/npz_sha256",
        "an unknown root member, npz_sha256 too short",
        [unknown_root, put("", "npz_sha256", "0")],
    )
    reject(
        "unknown-before-npz-digest",
        "F3",
        "FIELD_UNKNOWN",
        "/aaa",
        "an unknown root member, npz_sha256 of another file",
        [unknown_root, bad_npz_digest],
    )
    reject(
        "map-name-before-value",
        "F4",
        "FIELD_VALUE",
        "/decision/assay_thresholds/",
        "an entry with an empty name and a string value",
        [put("/decision/assay_thresholds", "", "x")],
    )
    reject(
        "map-file-order",
        "F4",
        "FIELD_TYPE",
        "/decision/assay_thresholds/ELISA",
        "ELISA a string, then an empty name",
        [put("/decision/assay_thresholds", "ELISA", "x"), put("/decision/assay_thresholds", "", 1)],
    )
    reject(
        "record-order",
        "F1",
        "FIELD_TYPE",
        "/self_test/2/probability",
        "record 2: probability a string; record 6: decision missing",
        [put("/self_test/2", "probability", "x"), drop("/self_test/6", "decision")],
    )
    reject(
        "length-before-contents",
        "F1",
        "FIELD_VALUE",
        "/self_test",
        "self_test of 7 records, the first of them empty",
        [put("/self_test", "0", {}), lambda p: p.config["self_test"].pop()],
    )
    reject(
        "embedding-before-golden",
        "F1",
        "FIELD_VALUE",
        "/embedding/layer",
        "layer first in embedding, golden empty",
        [put("/embedding", "layer", "first"), put("", "golden", [])],
    )
    reject(
        "fields-before-npz",
        "F1",
        "FIELD_MISSING",
        "/link",
        "link missing, the NPZ not a ZIP",
        [drop("", "link"), lambda p: p.edit_npz.append(lambda _: b"x")],
    )
    reject(
        "npz-digest-before-zip",
        "H1",
        "NPZ_DIGEST",
        "/npz_sha256",
        "the NPZ changed after sealing, and no ZIP any more",
        [lambda p: p.break_npz.append(lambda _: b"x")],
    )
    reject(
        "end-before-central",
        "Z1",
        "ZIP_END",
        "npz",
        "a comment length of 1, and the first central signature wrong",
        [lambda p: p.archive.end.update(comment_length=1), lambda p: p.archive.entries[0].central.update(signature=0)],
    )
    reject(
        "entry-by-entry",
        "Z6",
        "ZIP_NAME",
        None,
        "the first member's name wrong, the second compressed",
        [
            lambda p: setattr(p.archive.entries[0], "name", b"x.npy"),
            lambda p: p.archive.entries[1].both.update(method=8),
        ],
    )
    reject(
        "flags-before-method",
        "Z2",
        "ZIP_FLAGS",
        None,
        "flags 1 and method 8 in one member",
        [lambda p: p.archive.entries[0].both.update(method=8, flags=1)],
    )
    reject(
        "lengths-before-flags",
        "Z2",
        "ZIP_CENTRAL",
        None,
        "a member comment and flags 1",
        [lambda p: (setattr(p.archive.entries[0], "comment", b"x"), p.archive.entries[0].both.update(flags=1))],
    )
    reject(
        "method-before-version",
        "Z2",
        "ZIP_METHOD",
        None,
        "method 8 and version needed 63",
        [lambda p: p.archive.entries[0].both.update(method=8, version=63)],
    )
    reject(
        "central-before-offset",
        "Z2",
        "ZIP_CENTRAL",
        None,
        "version needed 63 and a wrong offset in one member",
        [lambda p: (p.archive.entries[1].both.update(version=63), p.archive.entries[1].central.update(offset=7))],
    )
    reject(
        "offset-before-local",
        "Z3",
        "ZIP_LAYOUT",
        None,
        "a wrong offset and a wrong local CRC-32 in one member",
        [lambda p: (p.archive.entries[1].local.update(crc=1), p.archive.entries[1].central.update(offset=7))],
    )
    reject(
        "local-before-name",
        "Z4",
        "ZIP_LOCAL",
        None,
        "a wrong name and a wrong local CRC-32 in one member",
        [lambda p: (p.archive.entries[1].local.update(crc=1), setattr(p.archive.entries[1], "name", b"bias.npy"))],
    )
    reject(
        "layout-before-name",
        "Z5",
        "ZIP_LAYOUT",
        None,
        "the last member's data runs into the directory, and its name is wrong",
        [
            lambda p: p.archive.entries[4].both.update(compressed=1000, size=1000),
            lambda p: setattr(p.archive.entries[4], "name", b"x.npy"),
        ],
    )
    reject(
        "name-before-layout-end",
        "Z6",
        "ZIP_NAME",
        None,
        "a wrong last name and a byte before the directory",
        [lambda p: (setattr(p.archive.entries[4], "name", b"x"), setattr(p.archive, "before_directory", b"\0"))],
    )
    reject(
        "directory-before-position",
        "Z7",
        "ZIP_CENTRAL",
        None,
        "bytes after the last record and a byte before the directory",
        [lambda p: (setattr(p.archive, "inside_directory", b"\0"), setattr(p.archive, "before_directory", b"\0"))],
    )
    reject(
        "missing-before-crc",
        "Z8",
        "ZIP_MISSING",
        "n_iter.npy",
        "n_iter.npy missing, the CRC-32 of coef.npy wrong",
        [lambda p: p.archive.entries.pop(), lambda p: p.archive.entries[0].both.update(crc=1)],
    )
    reject(
        "crc-before-npy",
        "Z9",
        "ZIP_CRC",
        "n_iter.npy",
        "the CRC-32 of n_iter.npy wrong, the magic of coef.npy too",
        [bad_magic, lambda p: p.archive.entries[4].both.update(crc=1)],
    )
    reject(
        "member-by-member",
        "N7",
        "NPY_LENGTH",
        "coef.npy",
        "coef.npy a byte too long, intercept.npy without magic",
        [data("coef", lambda b: b + b"\0"), data("intercept", lambda b: b"X" + b[1:])],
    )
    reject(
        "order-before-dtype",
        "N3",
        "NPY_ORDER",
        "coef.npy",
        "Fortran order and dtype >f8",
        [npy("coef", ">f8", (1, 3), order="True")],
    )
    reject(
        "dtype-before-shape", "N4", "NPY_DTYPE", "coef.npy", "dtype >f8 and one dimension", [npy("coef", ">f8", (3,))]
    )
    reject(
        "limit-before-length",
        "N6",
        "ARRAY_LIMIT",
        "coef.npy",
        "65,537 columns and 24 bytes",
        [npy("coef", "<f8", (1, 65537))],
    )
    reject(
        "npy-before-shape",
        "N4",
        "NPY_DTYPE",
        "n_iter.npy",
        "coef of three rows, n_iter as <f8: all headers come first",
        [npy("coef", "<f8", (3, 1)), npy("n_iter", "<f8", (1,))],
    )
    reject(
        "shape-before-finite",
        "A1",
        "ARRAY_SHAPE",
        "n_iter.npy",
        "a NaN in coef, n_iter of two values",
        [coef_nan, npy("n_iter", "<i4", (2,), bytes(4))],
    )
    reject(
        "finite-before-labels",
        "A2",
        "ARRAY_NONFINITE",
        "intercept.npy",
        "an infinite intercept, equal labels",
        [data("intercept", lambda b: b[:128] + nan), data("classes", lambda b: b[:128] + bytes(16))],
    )
    reject(
        "labels-before-features",
        "A3",
        "LABEL_DUPLICATE",
        "classes.npy",
        "equal labels, n_features_in 5",
        [data("classes", lambda b: b[:128] + bytes(16)), data("n_features_in", lambda b: b[:128] + b"\x05" + bytes(7))],
    )
    reject(
        "label-value-before-duplicate",
        "A3",
        "LABEL_VALUE",
        "classes.npy",
        "three labels: the first two equal, the third no boolean",
        [data("classes", lambda _: preamble("|b1", (3,)) + b"\1\1\2")],
        SOFTMAX,
    )
    reject(
        "features-before-iterations",
        "A3",
        "ARRAY_VALUE",
        "n_features_in.npy",
        "n_features_in 5, n_iter -1",
        [
            data("n_features_in", lambda b: b[:128] + b"\x05" + bytes(7)),
            data("n_iter", lambda b: b[:128] + b"\xff" * 4),
        ],
    )
    reject(
        "arrays-before-agreement",
        "A3",
        "ARRAY_VALUE",
        "n_iter.npy",
        "n_iter -1, embedding.dimension 5",
        [put("/embedding", "dimension", 5), data("n_iter", lambda b: b[:128] + b"\xff" * 4)],
    )
    reject(
        "dimension-before-weights",
        "G1",
        "FIELD_MISMATCH",
        "/embedding/dimension",
        "embedding.dimension 5, a class_weight name unknown",
        [put("/embedding", "dimension", 5), put("", "class_weight", {"5": 1})],
    )
    reject(
        "weights-before-self-test",
        "G2",
        "FIELD_MISMATCH",
        "/class_weight/5",
        "a class_weight name unknown, two decisions in self_test[0]",
        [put("", "class_weight", {"5": 1}), put("/self_test/0", "decision", ["0" * 16] * 2)],
    )
    reject(
        "self-test-record-order",
        "G3",
        "FIELD_MISMATCH",
        "/self_test/1/probability",
        "record 1: three probabilities; record 2: two decisions",
        [put("/self_test/1", "probability", ["0" * 16] * 3), put("/self_test/2", "decision", ["0" * 16] * 2)],
    )
    reject(
        "self-test-before-golden",
        "G3",
        "FIELD_MISMATCH",
        "/self_test/7/decision",
        "self_test[7] with two decisions, golden[0] with two",
        [put("/self_test/7", "decision", ["0" * 16] * 2), put("/golden/0", "decision", [0, 0])],
    )
    reject(
        "golden-before-rows",
        "G4",
        "FIELD_MISMATCH",
        "/golden/5/probability",
        "golden[5] with three probabilities, rows_by_class with one",
        [put("/golden/5", "probability", [0, 0, 0]), put("/training", "rows_by_class", [1])],
    )
    reject(
        "agreement-before-self-test",
        "G5",
        "FIELD_MISMATCH",
        "/training/rows_by_class",
        "rows_by_class with one, a wrong decision in self_test[0]",
        [self_test, put("/training", "rows_by_class", [1])],
    )
    reject(
        "v0-fields-before-zip",
        "F1",
        "FIELD_VALUE",
        "/C",
        "version 0: C is 0, the NPZ not a ZIP",
        [put("", "C", 0), lambda p: p.edit_npz.append(lambda _: b"x")],
        V0,
    )
    reject(
        "v0-missing-format-before-fields",
        "V2",
        "FORMAT_MISSING",
        "/format",
        "version 0: model_type missing, a member link",
        [drop("", "model_type"), put("", "link", 1)],
        V0,
    )
