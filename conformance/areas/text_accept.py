"""Accept cases on JSON text (section 3)."""

from ..json_bytes import Raw
from ..pair import Pair, version_0, version_1
from ..suite import Predict, Suite
from .base import rng_head, rows
from .edits import Edit, member, swap


def accept_text(suite: Suite) -> None:
    head = rng_head(0x7E7, 4)

    def accept(case_id: str, clause: str, why: str, pair: Pair, *edits: Edit) -> None:
        for edit in edits:
            edit(pair)
        suite.accept(case_id, clause, why, pair, rows(head))

    accept(
        "text/escapes",
        "T2",
        "every escape of JSON in a value and in names, which are compared after unescaping",
        version_1(head),
        swap('"format"', r'"\u0066\u006Frmat"'),
        swap('"plmhead"', r'"plm\u0068ead"'),
        swap('"link"', r'"l\u0069nk"'),
        member(r'"\" \\ \/ \b \f \n \r \t \u0000 \uD83E\uddec \uffff"'),
    )
    accept(
        "text/pairs",
        "T3",
        "surrogate pairs, upper and lower case, at the ends of their ranges, in a value and a name",
        version_1(head),
        member(r'{"\uD800\uDC00": "\uDBFF\uDFFF\ud83e\uDDEC\\ud800\uD7FF\uE000\ud7ff\ue000"}'),
    )
    accept(
        "text/noncharacters",
        "T1",
        "noncharacters and U+FEFF are allowed, raw and escaped",
        version_1(head),
        member('"\ufffe\uffff\U0010ffff\ufdd0\ufeff\u007f\u2028\u2029' + r'\ufffe\uffff\ufeff"'),
    )
    accept(
        "text/utf8-edges",
        "T1",
        "the first and the last code point of each UTF-8 length",
        version_1(head),
        member('"\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\U00010000\U0010ffff"'),
    )
    accept(
        "text/white-space",
        "T2",
        "white space of all four kinds around everything",
        version_1(head),
        lambda p: p.edit_body.append(
            lambda b: b" \t\r\n" + b.replace(b": ", b"\r\n:\t ").replace(b",\n", b" \n\t,\r\n")
        ),
    )
    accept(
        "text/compact",
        "T2",
        "no white space but in the last 86 bytes",
        version_1(head),
        lambda p: p.edit_body.append(lambda b: b.replace(b"\n  ", b"").replace(b": ", b":").replace(b", ", b",")),
    )
    accept(
        "text/member-order",
        "F1",
        "members in another order: the order of the table is an order of checking, not of the file",
        version_1(head),
        lambda p: setattr(p, "config", dict(reversed(p.config.items()))),
    )
    accept(
        "text/same-name-elsewhere",
        "T4",
        "one name in two objects, and names that differ by case or normalisation, are no duplicates",
        version_1(head),
        member('{"a": {"a": 1}, "A": 1, "\u00e9": 1, "e\u0301": 1, "": 1, " ": 1}'),
    )
    accept(
        "text/number-forms",
        "T5",
        "every form of a number, also those that read as zero",
        version_1(head),
        member(
            "[0, -1, 10, 0.0, -0.0, -0e0, 0e400, 1E+2, 1e-2, 1.5E3, 9007199254740991, "
            "-9007199254740991, 1e-400, 1.7976931348623158e308, "
            "123456789012345678901234567890e0]"
        ),
    )
    near_half = "0.50000000000000005551115123125782702118158340454101562500000001"
    tokens = {
        "tie": "0.500000000000000055511151231257827021181583404541015625",
        "above-tie": near_half,
        "short": "0.65331632653061",
        "tenth": "0.1",
        "third": "0.33333333333333331",
        "subnormal": "2.2250738585072011e-308",
        "min": "5e-324",
        "half-min-up": "2.4703282292062328e-324",
        "half-min-down": "2.4703282292062327e-324",
        "zero": "1e-9999999999",
        "long": "0." + "9" * 62,
        "int": "1",
        "exponent": "1234567890123456789e-19",
    }
    if any(len(t) > 64 for t in tokens.values()):
        raise ValueError("a token is too long")
    suite.accept(
        "text/number-rounding",
        "T5",
        "decimals near a tie, subnormal and with 64 bytes, read to the nearest binary64 (seen in assay_thresholds)",
        version_1(head, assays={name: Raw(token) for name, token in tokens.items()}),
        rows(head),
    )
    accept(
        "text/depth-16",
        "T6",
        "arrays down to depth 16",
        version_1(head),
        member("[" * 13 + "]" * 13 + ', "org.y": ' + "[" * 14 + "0" + "]" * 14),
    )
    accept(
        "text/depth-16-objects",
        "T6",
        "objects down to depth 16, in version 0 too",
        version_0(head),
        swap("{\n", '{\n  "x": ' + '{"a":' * 14 + "{}" + "}" * 14 + ",\n"),
    )
    for name, high, low, letter in (
        ("plane-1", "\\ud835", "\\udd38", "\U0001d538"),
        ("plane-15", "\\uDBBF", "\\uDFFD", "\U000ffffd"),
    ):
        pair = version_1(head, assays={letter: Raw("0.25"), letter * 2: Raw("0.75")})
        swap(f'"{letter}"', f'"{high}{low}"')(pair)
        swap(f'"{letter * 2}"', f'"{high}{low}{letter}"')(pair)
        suite.accept(
            f"text/pair-in-name-{name}",
            "T3",
            "a surrogate pair whose high half is odd, in a name that is reported and asked for",
            pair,
            [Predict(rows(head)[0].x, assay_type=letter * n) for n in (1, 2)],
        )
    count = values_in(version_1(head))
    accept(
        "text/values-32768",
        "T6",
        "exactly 32,768 values; names are not counted",
        version_1(head),
        member("[" + ",".join(["0"] * (32768 - count - 2)) + "]"),
    )
    sized = version_1(head)
    size = len(sized.files()[1])
    sized.lead = b" " * (1048576 - size)
    suite.accept(
        "limit/config-size",
        "R2",
        "a config of exactly 1,048,576 bytes, most of them white space",
        sized,
        rows(head),
        prepend={"config": len(sized.lead)},
    )
    accept(
        "text/v0-escapes",
        "V2",
        "version 0 takes the same JSON",
        version_0(head),
        swap('"C"', r'"\u0043"'),
        swap("{\n", '{\n  "x\\uD83E\\uDDEC": [1e5, "\\u0000"],\n'),
    )


def values_in(pair: Pair) -> int:
    """T6's count for a config, by the standard library: this is not under test."""
    import json

    def count(value: object) -> int:
        inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
        return 1 + sum(map(count, inner))

    return count(json.loads(pair.files()[1]))
