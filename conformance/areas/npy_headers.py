"""Reject cases on NPY headers (N1 to N4)."""

from collections.abc import Callable

from ..suite import Suite
from .base import SOFTMAX, V0
from .edits import data_edit, head_edit, rejecter


def preambles(suite: Suite) -> None:
    reject = rejecter(suite, "npy-preamble", "N1", "NPY_PREAMBLE")
    edits: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
        "empty": ("no bytes", lambda b: b""),
        "bytes-127": ("cut to 127 bytes", lambda b: b[:127]),
        "raw": ("the numbers without a preamble", lambda b: b[128:] * 8),
        "magic": ("magic \\x93NUMPX", lambda b: b[:5] + b"X" + b[6:]),
        "magic-93": ("first byte 92", lambda b: b"\x92" + b[1:]),
        "version-0-0": ("version 0.0", lambda b: b[:6] + b"\0\0" + b[8:]),
        "version-1-1": ("version 1.1", lambda b: b[:7] + b"\1" + b[8:]),
        "version-9-0": ("version 9.0", lambda b: b[:6] + b"\x09" + b[7:]),
        "version-2-0": ("version 2.0, 128 bytes", lambda b: b"\x93NUMPY\x02\0\x74\0\0\0" + b[10:125] + b"\n" + b[128:]),
        "version-3-0": ("version 3.0, 128 bytes", lambda b: b"\x93NUMPY\x03\0\x74\0\0\0" + b[10:125] + b"\n" + b[128:]),
        "length-0": ("header length 0", lambda b: b[:8] + b"\0\0" + b[10:]),
        "length-117": ("header length 117", lambda b: b[:8] + b"\x75\0" + b[10:]),
        "length-119": ("header length 119", lambda b: b[:8] + b"\x77\0" + b[10:]),
        "length-max": ("header length 65535", lambda b: b[:8] + b"\xff\xff" + b[10:]),
        "bytes-64": ("a preamble of 64 bytes", lambda b: b[:8] + b"\x36\0" + b[10:63] + b"\n" + b[128:]),
        "bytes-192": ("a preamble of 192 bytes", lambda b: b[:8] + b"\xb6\0" + b[10:127] + b" " * 64 + b"\n" + b[128:]),
        "no-newline": ("byte 127 is a space", lambda b: b[:127] + b" " + b[128:]),
        "nul-last": ("byte 127 is 00", lambda b: b[:127] + b"\0" + b[128:]),
        "pickle": ("a pickle in place of the array", lambda b: b"\x80\x02]q\x00(G?\xe0\x00\x00\x00\x00\x00\x00e." * 20),
    }
    for name, (mutation, edit) in edits.items():
        reject(name, "not the 128-byte preamble of NPY 1.0", mutation, data_edit("coef", edit), base=V0)
    for member in ("intercept", "classes", "n_features_in", "n_iter"):
        reject(
            f"magic-{member.replace('_', '-')}",
            "each member is looked at",
            "magic \\x93NUMPX",
            data_edit(member, edits["magic"][1]),
            member,
        )
    reject("version-1", "version 1 has the same rule", "version 2.0", data_edit("coef", edits["version-2-0"][1]))


def headers(suite: Suite) -> None:
    reject = rejecter(suite, "npy-header", "N2", "NPY_HEADER")
    good = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 4), }"
    forms = {
        "double-quotes": good.replace("'", '"'),
        "reordered": "{'shape': (1, 4), 'descr': '<f8', 'fortran_order': False, }",
        "no-trailing-comma": good.replace(", }", "}"),
        "no-space-before-brace": good.replace(", }", ",}"),
        "unknown-key": good.replace(", }", ", 'x': 1, }"),
        "missing-descr": "{'fortran_order': False, 'shape': (1, 4), }",
        "missing-order": "{'descr': '<f8', 'shape': (1, 4), }",
        "missing-shape": "{'descr': '<f8', 'fortran_order': False, }",
        "duplicate-shape": good.replace(", }", ", 'shape': (1, 4), }"),
        "escaped-key": good.replace("descr", "de\\x73cr"),
        "order-0": good.replace("False", "0"),
        "order-none": good.replace("False", "None"),
        "order-not-true": good.replace("False", "not True"),
        "order-lower": good.replace("False", "false"),
        "shape-list": good.replace("(1, 4)", "[1, 4]"),
        "shape-no-space": good.replace("(1, 4)", "(1,4)"),
        "shape-trailing-comma": good.replace("(1, 4)", "(1, 4,)"),
        "shape-negative": good.replace("(1, 4)", "(-1, -4)"),
        "shape-minus-1": good.replace("(1, 4)", "(1, -1)"),
        "shape-long": good.replace("(1, 4)", "(1L, 4L)"),
        "shape-float": good.replace("(1, 4)", "(1.0, 4)"),
        "shape-hex": good.replace("(1, 4)", "(0x1, 4)"),
        "shape-underscore": good.replace("(1, 4)", "(1, 0_4)"),
        "shape-leading-zero": good.replace("(1, 4)", "(01, 4)"),
        "shape-plus": good.replace("(1, 4)", "(+1, 4)"),
        "shape-zero": good.replace("(1, 4)", "(0, 4)"),
        "shape-zero-second": good.replace("(1, 4)", "(1, 0)"),
        "shape-10-digits": good.replace("(1, 4)", "(1, 1000000004)"),
        "shape-10-digits-first": good.replace("(1, 4)", "(1000000001, 4)"),
        "shape-10-digits-1d": good.replace("(1, 4)", "(1000000004,)"),
        "shape-2-32": good.replace("(1, 4)", "(4294967296, 4294967296)"),
        "shape-expression": good.replace("(1, 4)", "(1, 2*2)"),
        "shape-3d": good.replace("(1, 4)", "(1, 2, 2)"),
        "shape-1-no-comma": good.replace("(1, 4)", "(4)"),
        "shape-space-inside": good.replace("(1, 4)", "( 1, 4)"),
        "shape-nested": good.replace("(1, 4)", "((1, 4))"),
        "shape-fullwidth": good.replace("(1, 4)", "(1, \uff14)"),
        "comment": good + " # x",
        "second-dict": good + " {}",
        "leading-space": " " + good,
        "newline-in-padding": good + "  \n",
        "tab-padding": good + "\t",
        "nul-padding": good + "\0",
        "nbsp": good + "\u00a0",
        "bom": "\ufeff" + good,
        "code": "__import__('os').system('true')",
        "structured": good.replace("'<f8'", "[('x', '<f8')]"),
        "descr-empty": good.replace("<f8", ""),
        "descr-9": good.replace("<f8", "<U1234567"),
        "descr-space": good.replace("<f8", "<f8 "),
        "descr-comma": good.replace("<f8", "<f8,<f8"),
        "descr-paren": good.replace("<f8", "(2,)<f8"),
        "descr-brackets": good.replace("<f8", "<M8[ns]"),
        "spaces": "",
        "upper": good.replace("descr", "DESCR"),
    }
    for name, header in forms.items():
        reject(
            name,
            "only the one spelling that numpy writes",
            f"header {header[:70]!r}",
            head_edit("coef", "", (), header=header),
            base=V0,
        )
    for name, byte in (("letter", b"x"), ("nul", b"\0"), ("tab", b"\t"), ("newline", b"\n")):
        reject(
            f"last-padding-{name}",
            "the padding is spaces, to the last",
            f"byte 126 is {byte!r}",
            data_edit("coef", lambda b, byte=byte: b[:126] + byte + b[127:]),
            base=V0,
        )
    for member in ("intercept", "classes", "n_features_in", "n_iter"):
        reject(
            f"shape-zero-{member.replace('_', '-')}",
            "each member is looked at; a length of 0 has no spelling",
            "shape (0,)",
            data_edit(member, lambda b: b[:128].replace(b"(1,)", b"(0,)").replace(b"(2,)", b"(0,)") + b[128:]),
            member,
        )
    reject(
        "version-1",
        "version 1 has the same rule",
        "double quotes",
        head_edit("coef", "", (), header=good.replace("'", '"')),
    )
    order = rejecter(suite, "npy-order", "N3", "NPY_ORDER")
    order(
        "coef",
        "Fortran order would transpose the coefficients",
        "fortran_order True",
        head_edit("coef", "<f8", (1, 4), order="True"),
    )
    order(
        "intercept",
        "Fortran order is an error even where it changes nothing",
        "fortran_order True",
        head_edit("intercept", "<f8", (1,), order="True"),
        "intercept",
    )
    order(
        "softmax",
        "Fortran order of three rows",
        "fortran_order True",
        head_edit("coef", "<f8", (3, 4), order="True"),
        base=SOFTMAX,
    )
    order(
        "v0",
        "version 0 has the same rule",
        "fortran_order True",
        head_edit("coef", "<f8", (1, 4), order="True"),
        base=V0,
    )


def dtypes(suite: Suite) -> None:
    reject = rejecter(suite, "npy-dtype", "N4", "NPY_DTYPE")
    for slug, descr in {
        "big-endian": ">f8",
        "native": "=f8",
        "no-order": "f8",
        "bar": "|f8",
        "d": "<d",
        "float64": "float64",
        "f2": "<f2",
        "f16": "<f16",
        "c16": "<c16",
        "i8": "<i8",
        "bool": "|b1",
        "text": "<U2",
        "bytes": "|S8",
        "void": "|V8",
        "time": "<M8",
        "upper": "<F8",
        "f08": "<f08",
        "one-letter": "d",
        "eight-letters": "<U123456",
    }.items():
        reject(slug, "coef is <f8 or <f4", f"coef as {descr}", head_edit("coef", descr, (1, 4)))
    # A pickle that would create a file if it were ever loaded: os.system is named by its opcodes, nothing here runs it.
    canary = b"cos\nsystem\n(S'echo > plmhead-pickle-ran'\ntR."
    reject(
        "object",
        "an object array with a live pickle: never unpickled",
        "coef as |O, data a pickle that calls os.system",
        head_edit("coef", "|O", (1, 4), data=canary),
    )
    reject(
        "object-classes",
        "object labels, as numpy writes them for a pandas column",
        "classes as |O, data a pickle",
        head_edit("classes", "|O", (2,), data=canary),
        "classes",
    )
    for member, bad in {
        "intercept": (">f8", "<f2", "<i8", "|O"),
        "classes": (
            "<i4",
            "<u8",
            "|i1",
            "<f4",
            "<U0",
            "<U257",
            "<U260",
            "<U300",
            "<U1000",
            "<U01",
            ">U3",
            "|S3",
            "|b8",
            "<b1",
            "|u1",
            "<M8",
        ),
        "n_features_in": ("<i4", "<u8", "<f8", ">i8"),
        "n_iter": ("<i2", "<u4", "<u8", "<f8", ">i4", "|i1"),
    }.items():
        for descr in bad:
            kind = {">": "-be", "<": "-lt" if descr == "<b1" else ""}.get(descr[0], "")
            slug = f"{member.replace('_', '-')}-{descr.strip('<>|=').lower()}{kind}"
            shape = (2,) if member == "classes" else (1,)
            reject(
                slug,
                f"{member} has its own list of dtypes",
                f"{member} as {descr}",
                head_edit(member, descr, shape),
                member,
            )
    for member, descr in (
        ("coef", "<f2"),
        ("classes", "<f4"),
        ("classes", "<U257"),
        ("n_features_in", "<f8"),
        ("n_iter", "|b1"),
        ("classes", ">i8"),
        ("classes", "|u8"),
    ):
        shape = {"coef": (1, 4), "classes": (2,)}.get(member, (1,))
        reject(
            f"v0-{member.replace('_', '-')}-{descr.strip('<>|').lower()}{'-be' if descr[0] == '>' else ''}",
            "version 0 takes more integer dtypes, and no others",
            f"{member} as {descr}",
            head_edit(member, descr, shape),
            member,
            V0,
        )
