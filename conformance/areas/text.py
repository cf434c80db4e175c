"""Reject cases on JSON text (section 3)."""

from ..pair import version_1
from ..suite import Suite
from .base import PLAIN, V0, rng_head
from .edits import member, member_0, swap, text, text_reject, whole
from .text_accept import values_in


def encoding(suite: Suite) -> None:
    reject = text_reject(suite, "encoding", "T1", "JSON_ENCODING")
    reject(
        "bom",
        "a byte order mark is not JSON white space",
        "put EF BB BF first",
        lambda p: p.edit_body.append(lambda b: b"\xef\xbb\xbf" + b),
    )
    reject(
        "bom-version-1",
        "a byte order mark is refused in version 1 too, sealed or not",
        "put EF BB BF first",
        lambda p: p.edit_body.append(lambda b: b"\xef\xbb\xbf" + b),
        base=PLAIN,
    )
    for name, letter in (("astral", "\U0001f9ec"), ("fffe", "\ufffe")):
        suite.reject(
            f"encoding/first-{name}",
            "T2",
            "JSON_SYNTAX",
            None,
            "a first character that is no byte order mark is good UTF-8 and no JSON",
            V0,
            f"put {letter!a} first",
            lambda p, letter=letter: p.edit_body.append(lambda b: letter.encode() + b),
        )
    reject("bom-alone", "a file that is a byte order mark", "EF BB BF alone", whole(b"\xef\xbb\xbf"))
    reject("utf16", "UTF-16 is not UTF-8", "encode as UTF-16 with BOM", text(lambda b: b.decode().encode("utf-16")))
    reject(
        "utf16-no-bom",
        "UTF-16 of ASCII text is valid UTF-8 but holds U+0000; only a byte of a name above U+00FF breaks it",
        "encode as UTF-16LE, with U+D7FF in a string",
        text(lambda b: b.decode().replace("lbfgs", "\ud7ff").encode("utf-16-le")),
    )
    broken = {
        "lone-continuation": b"\x80",
        "overlong-slash": b"\xc0\xaf",
        "overlong-3": b"\xe0\x80\xaf",
        "overlong-4": b"\xf0\x80\x80\xaf",
        "surrogate": b"\xed\xa0\x80",
        "cesu-pair": b"\xed\xa0\xbe\xed\xb7\xac",
        "above-10ffff": b"\xf4\x90\x80\x80",
        "f5": b"\xf5\x80\x80\x80",
        "ff": b"\xff",
        "latin-1": b"\xe9",
        "cut-short": b"\xe2\x82",
    }
    for name, data in broken.items():
        reject(
            name, "bytes that no UTF-8 text holds", f"put {data.hex(' ')} into a string", member_0(b'"' + data + b'"')
        )
    reject("last-byte", "a sequence that ends with the file", "append C3", text(lambda b: b + b"\xc3"))
    reject("version-1", "version 1 has the same rule", "put E9 into a string", swap('"lbfgs"', b'"\xe9"'), base=PLAIN)


def syntax(suite: Suite) -> None:
    reject = text_reject(suite, "syntax", "T2", "JSON_SYNTAX")
    for name, data in {
        "empty": b"",
        "white-space": b" \t\r\n",
        "open": b"{",
        "word": b"plmhead",
        "minus": b"-",
        "zip": b"PK\x05\x06" + b"\0" * 18,
        "pickle": b"(lp0\n.",
    }.items():
        reject(f"file-{name}", "the whole file is no JSON value", f"replace the config by {data[:12]!r}", whole(data))
    values = {
        "nan": "NaN",
        "infinity": "Infinity",
        "minus-infinity": "-Infinity",
        "trailing-comma-array": "[1,]",
        "trailing-comma-object": '{"a": 1,}',
        "missing-comma": "[1 2]",
        "missing-colon": '{"a" 1}',
        "comma-first": "[,1]",
        "empty-element": "[1,,2]",
        "comment-block": "/* x */ 1",
        "comment-line": "1 // x\n",
        "comment-hash": "1 # x\n",
        "single-quotes": "'a'",
        "bare-name": "{a: 1}",
        "number-name": "{1: 1}",
        "true-upper": "True",
        "true-cut": "tru",
        "true-long": "truee",
        "null-none": "None",
        "null-later-letter": "nulz",
        "true-later-letter": "trve",
        "false-later-letter": "falsf",
        "leading-zero": "01",
        "leading-zero-negative": "-01",
        "double-zero": "00",
        "plus": "+1",
        "point-first": ".5",
        "point-last": "5.",
        "exponent-empty": "1e",
        "exponent-sign": "1e+",
        "exponent-point": "1e1.5",
        "hex": "0x10",
        "underscore": "1_000",
        "bigint": "1n",
        "minus-space": "- 1",
        "minus-minus": "--1",
        "escape-x": r'"\x41"',
        "escape-quote": r'"\'"',
        "escape-u-short": r'"\u12"',
        "escape-u-hex": r'"\u12G4"',
        "escape-u-plus": r'"\u+123"',
        "escape-u-braces": r'"\u{41}"',
        "escape-upper-u": r'"\U0041"',
        "tab-in-string": '"a\tb"',
        "newline-in-string": '"a\nb"',
        "nul-in-string": '"a\0b"',
        "us-in-string": '"a\x1fb"',
        "nbsp": "\u00a01",
        "form-feed": "\f1",
        "vertical-tab": "\v1",
        "line-separator": "\u20281",
        "bom-inside": "\ufeff1",
        "fullwidth-digit": "\uff11",
        "mismatch": "[1}",
        "empty-value": "",
        "unopened": "]",
    }
    for name, token in values.items():
        reject(name, "a spelling that the grammar of JSON does not have", f"a value {token!r}", member_0(token))
    for name, (old, new) in {
        "root-missing-comma": (',\n  "penalty"', ' "penalty"'),
        "root-semicolon": (',\n  "penalty"', ';\n  "penalty"'),
        "root-missing-colon": ('"C": 1.0', '"C" 1.0'),
        "root-equals": ('"C": 1.0', '"C"=1.0'),
        "root-colon-semicolon": ('"C": 1.0', '"C";1.0'),
        "root-name-no-quote": ('"C": 1.0', 'xC": 1.0'),
        "root-name-apostrophe": ('"C": 1.0', "'C\": 1.0"),
        "root-name-end": ('"C": 1.0', '"C: 1.0'),
        "root-name-escape": ('"C": 1.0', '"\\x43": 1.0'),
    }.items():
        for version, base in (("", PLAIN), ("-v0", V0)):
            reject(
                f"{name}{version}",
                "between and within members",
                f"{old!r} becomes {new!r}",
                swap(old, new),
                base=base,
            )
    for name, byte in {"tab": "\t", "nul": "\0", "newline": "\n", "unit-separator": "\x1f"}.items():
        reject(
            f"closing-{name}",
            "a control character ends no string",
            f"the closing quote of a value becomes {byte!r}",
            swap('"solver": "lbfgs",', f'"solver": "lbfgs{byte},'),
        )
    for name, token in {
        "name-exclamation-mark": '{!a": 1}',
        "name-exclamation-mark-later": '{"a": 1, !b": 2}',
        "value-exclamation-mark": '!lbfgs"',
        "object-tilde": '{"a": {}~',
        "object-tilde-empty": "{~",
        "object-letter": '{"a": 1\u00e9',
        "array-caret": "[1^",
        "nested-missing-comma": '{"a": 1 "b": 2}',
        "nested-semicolon": '{"a": 1; "b": 2}',
        "nested-colon-comma": '{"a", 1}',
        "nested-name-no-quote": '{xa": 1}',
        "array-semicolon": "[1; 2]",
        "array-colon": "[1: 2]",
        "array-missing-comma-texts": '["a" "b"]',
    }.items():
        reject(name, "between and within members and elements", f"a value {token}", member_0(token))
    reject(
        "unclosed-string",
        "a string that runs to the end of the file",
        "the last byte but one quote removed",
        whole(b'{"format": "plmhead'),
    )
    reject(
        "trailing-comma-root",
        "a comma before the root's closing brace",
        "add a comma",
        text(lambda b: b[:-2] + b",}\n"),
    )
    reject("second-value", "a second value after the root", "append {}", text(lambda b: b + b"{}\n"))
    reject("trailing-nul", "a zero byte after the root", "append 00", text(lambda b: b + b"\0"))
    reject("trailing-brace", "one brace too many", "append a brace", text(lambda b: b + b"}\n"))
    reject("cut-last-brace", "a file cut before its last brace", "remove the last two bytes", text(lambda b: b[:-2]))
    reject(
        "version-1",
        "version 1 has the same rule",
        "a comma before the seal",
        lambda p: p.edit_body.append(lambda b: b + b","),
        base=PLAIN,
    )


def strings(suite: Suite) -> None:
    reject = text_reject(suite, "surrogate", "T3", "JSON_SURROGATE")
    tokens = {
        "high-alone": r'"\uD83E"',
        "low-alone": r'"\uDDEC"',
        "high-high": r'"\uD83E\uD83E\uDDEC"',
        "reversed": r'"\uDDEC\uD83E"',
        "high-letter": r'"\uD83Ex\uDDEC"',
        "high-newline": r'"\uD83E\n"',
        "high-other": r'"\uD83E\u0041"',
        "high-bad-escape": r'"\uD83E\uZZZZ"',
        "high-backslash-u": r'"\uD83E\\uDDEC"',
        "name": r'{"\uDBFF": 1}',
        "after-pair": r'"\uD83E\uDDEC\uDDEC"',
        "above-low": r'"\uD800\uE000"',
        "below-low": r'"\uDBFF\uDBFF"',
        "low-low": r'"\uDC00\uDC00"',
        "last-low": r'"\uDFFF"',
        "first-high": r'"\uD800"',
    }
    for name, token in tokens.items():
        reject(name, "half of a surrogate pair", f"a value {token}", member_0(token))
    reject(
        "end-of-file",
        "a high surrogate with no six bytes after it",
        "cut the file after the escape",
        whole(rb'{"a": "\uD83E'),
    )
    reject = text_reject(suite, "duplicate", "T4", "JSON_DUPLICATE_NAME")
    reject(
        "root", "the second value would win in most parsers", "C twice", swap('  "C": 1.0', '  "C": 1.0,\n  "C": 1.0')
    )
    reject(
        "root-later",
        "two members far apart",
        "model_type again at the end",
        lambda p: p.edit_body.append(lambda b: b + b', "model_type": "LogisticRegression"'),
    )
    for name, token in {
        "nested": '{"a": 1, "b": {"c": 1, "c": 1}}',
        "in-array": '[{"a": 1, "a": 1}]',
        "escaped": r'{"a": 1, "\u0061": 1}',
        "empty": '{"": 1, "": 1}',
        "proto": '{"__proto__": 1, "__proto__": 1}',
        "astral": '{"\U0001f9ec": 1, "\\uD83E\\uddec": 1}',
        "before-colon": '{"a": 1, "a" 1}',
        "before-bad-value": '{"a": 1, "a": NaN}',
        "digits": '{"1": 1, "2": 1, "1": 1}',
    }.items():
        reject(name, "an object has a name twice; found when the second name ends", f"a value {token}", member_0(token))
    reject(
        "seal",
        "the seal's own member twice",
        "config_sha256 also first",
        lambda p: setattr(p, "config", {"config_sha256": "0" * 64, **p.config}),
        base=PLAIN,
    )
    reject(
        "version-1",
        "version 1 has the same rule",
        "max_iter twice",
        swap('"max_iter": 100', '"max_iter": 100, "max_iter": 100'),
        base=PLAIN,
    )


def numbers(suite: Suite) -> None:
    reject = text_reject(suite, "number", "T5", "JSON_NUMBER")
    tokens = {
        "above-max-integer": "9007199254740992",
        "below-min-integer": "-9007199254740992",
        "int64": "9223372036854775807",
        "minus-zero": "-0",
        "bytes-65": "0." + "1" * 63,
        "bytes-65-integer": "1" * 65,
        "zeros-65": "0." + "0" * 63,
        "5000-digits": "7" * 5000,
        "infinite": "1e309",
        "minus-infinite": "-1e309",
        "rounds-to-infinity": "1.7976931348623159e308",
        "huge-exponent": "1e99999999999999999999",
        "before-later-fault": "[-0, NaN]",
    }
    for name, token in tokens.items():
        reject(name, "a number outside the format's range", f"a value {token[:40]}", member_0(token))
    syntax_first = {
        "long-and-cut": "1" * 70 + "e",
        "long-and-point": "1" * 70 + ".",
        "minus-zero-digit": "-01",
        "long-and-minus": "1" * 70 + "-1",
        "minus-zero-minus": "-0-",
        "two-points": "1" * 70 + ".0.0",
        "date": "2026-03-01",
    }
    for name, token in syntax_first.items():
        suite.reject(
            f"number/{name}",
            "T5",
            "JSON_SYNTAX",
            None,
            "the whole run of number characters is matched with the grammar before its length and range are judged",
            V0,
            f"a value {token[:12]}",
            member_0(token),
        )
    reject("field-c", "the limit holds for members of the table too", "C is 1e400", swap('"C": 1.0', '"C": 1e400'))
    reject(
        "version-1", "version 1 has the same rule", "max_iter -0", swap('"max_iter": 100', '"max_iter": -0'), base=PLAIN
    )


def limits(suite: Suite) -> None:
    reject = text_reject(suite, "limit", "T6", "JSON_LIMIT", PLAIN)
    reject("depth-17", "an array at depth 17", "nest arrays 15 deep in an extension", member("[" * 15 + "]" * 15))
    reject(
        "depth-17-object",
        "an object at depth 17",
        "nest objects 15 deep in an extension",
        member('{"a":' * 14 + "{}" + "}" * 14),
    )
    reject(
        "depth-5000",
        "a parser that recurses must stop at 17, not at its stack's end",
        "replace the config by 5,000 brackets",
        whole(b"[" * 5000),
    )
    reject(
        "depth-before-fault",
        "the array at depth 17 comes before the fault inside it",
        "15 arrays with a syntax fault inside",
        member("[" * 15 + "NaN" + "]" * 15),
    )
    head = rng_head(0x7E7, 4)
    room = 32768 - values_in(version_1(head)) - 2
    reject(
        "values-32769",
        "one value more than 32,768",
        "an array of zeros in an extension",
        member("[" + ",".join(["0"] * (room + 1)) + "]"),
    )
    room_0 = 32768 - values_in(suite.pairs[V0]) - 1
    reject(
        "values-32769-object",
        "one value more than 32,768, an object, in version 0",
        "an array of zeros that ends with an object",
        member_0("[" + "0," * room_0 + "{}]"),
        base=V0,
    )
    suite.reject(
        "limit/no-value-32769",
        "T6",
        "JSON_SYNTAX",
        None,
        "the limit is met at a byte that may begin a value, and the N of NaN may not",
        PLAIN,
        "32,768 values, and then NaN in an array of an extension",
        member("[" + ",".join(["0"] * (room + 2)) + ",NaN]"),
    )
