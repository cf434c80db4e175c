"""Writes `cases.json`, beside this file: `python -m conformance.tokenizer.generate` (with --check it only compares).

What is expected follows from the text of the specification: the alphabet is read out of it, and no tokenizer is imported.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
CASES = FOLDER / "cases.json"
SPEC = FOLDER.parents[1] / "spec/v1/SPEC.md"
SPACE = "\t\n\v\f\r "
LIMIT = 1022
LOOK_ALIKES = {
    "Cyrillic A": "\u0410", "Greek Alpha": "\u0391", "full-width A": "\uff21", "long s": "\u017f", "dotless i": "\u0131",
    "Kelvin sign": "\u212a", "sharp s": "\u00df", "ligature fi": "\ufb01", "A with a combining ring": "A\u030a",
    "mathematical bold A, beyond the BMP": "\U0001d400", "no-break space": "\u00a0", "zero width space": "\u200b",
    "soft hyphen": "\u00ad", "byte order mark": "\ufeff", "line separator": "\u2028", "next line": "\u0085",
    "minus sign": "\u2212", "replacement character": "\ufffd", "file separator": "\x1c", "unit separator": "\x1f", "NUL": "\0",
}  # fmt: skip


def table() -> tuple[dict[str, int], list[str]]:
    """The ids of the letters that M1 allows, and the 33 tokens."""
    text = SPEC.read_text(encoding="utf-8")
    tokens = re.search(r"`(<cls> <pad> [^`]*)`", text)
    letters = re.search(r"The 20 letters `([A-Z]{20})` and `X`", text)
    assert tokens
    assert letters
    alphabet = tokens[1].split()
    return {letter: alphabet.index(letter) for letter in letters[1] + "X"}, alphabet


IDS, ALPHABET = table()


def expected(texts: list[str], too_long: str) -> dict[str, Any]:
    """The answer that M1 to M3 ask for."""
    rows = []
    for index, text in enumerate(texts):
        residues = text.strip(SPACE)
        letters = [chr(ord(letter) - 32) if "a" <= letter <= "z" else letter for letter in residues]
        foreign = next((place for place, letter in enumerate(letters, 1) if letter not in IDS), None)
        code = None
        if not letters:
            code = "SEQUENCE_EMPTY"
        elif foreign:
            code = "SEQUENCE_LETTER"
        elif len(letters) > LIMIT and too_long == "error":
            code = "SEQUENCE_LENGTH"
        if code:
            return {"error": {"code": code, "where": f"/{index}", "position": foreign}}
        rows.append([0, *(IDS[letter] for letter in letters[:LIMIT]), 2])
    longest = max(map(len, rows), default=2)
    return {
        "input_ids": [[*row, *[1] * (longest - len(row))] for row in rows],
        "attention_mask": [[*[1] * len(row), *[0] * (longest - len(row))] for row in rows],
    }


def questions() -> list[tuple[str, list[str], str]]:
    """(name, texts, too_long) of every case."""
    letters = "".join(IDS)
    found = [("all letters", [letters], "error"), ("all letters, lower case", [letters.lower()], "error")]
    found += [(f"byte {code:#04x} between letters", [f"MK{chr(code)}A"], "error") for code in range(128)]
    found += [(f"byte {code:#04x} at both ends", [f"{chr(code)}MK{chr(code)}"], "error") for code in range(33)]
    found += [
        ("nothing", [""], "error"),
        ("white space alone", [SPACE], "error"),
        ("white space around", [f"{SPACE}mkl{SPACE}"], "error"),
    ]
    found += [
        ("lines and blanks inside", ["MKL\nAGV"], "error"),
        ("CR LF inside", ["MKL\r\nAGV"], "error"),
        ("tab inside", ["M\tK"], "error"),
    ]
    found += [("positions count after the strip", [" \n M*K"], "error"), ("the first of two", ["MB-K"], "error")]
    found += [(f"literal {token}", [f"M{token}A"], "error") for token in ALPHABET if len(token) > 1]
    found += [(f"look-alike: {name}, {place}", [text], "error") for name, look in LOOK_ALIKES.items()
              for place, text in (("inside", f"MK{look}A"), ("first", f"{look}MK"), ("last", f"MK{look}"), ("alone", look))]  # fmt: skip
    found += [
        ("a position behind one beyond the BMP is its own", ["M\U0001d400*"], "error"),
        ("code points, not UTF-16 units", ["MK\U0001f600"], "error"),
    ]
    for too_long in ("error", "truncate"):
        for length in (1, 2, 1021, 1022, 1023, 1024, 3000):
            found.append((f"{length} residues, {too_long}", [("ACDEFGHIKLMNPQRSTVWY" * 150)[:length]], too_long))
        found += [
            (f"a bad letter beyond the limit, {too_long}", ["A" * 1022 + "*"], too_long),
            (f"white space does not count, {too_long}", [" " * 600 + "W" * 1022 + "\n" * 600], too_long),
            (f"1,023 lower case, {too_long}", ["m" + "a" * 1021 + "w"], too_long),
            (f"nothing, {too_long}", [" "], too_long),
            (f"the longer row decides, {too_long}", ["MK", "A" * 1023], too_long),
        ]
    found += [
        ("no sequence", [], "error"),
        ("a batch", ["LA", "MXAG", "w"], "error"),
        ("equal rows", ["MK", "MK"], "error"),
    ]
    found += [("the first bad row", ["MK", "M*", ""], "error"), ("the last row is bad", ["MK", "MKL", " \t"], "error")]
    return found


def text() -> str:
    """The file: one case a line."""
    lines = [
        json.dumps({"id": f"{number:03d}", "why": why, "sequences": texts, "too_long": too_long, "expect": expected(texts, too_long)})
        for number, (why, texts, too_long) in enumerate(questions(), 1)
    ]  # fmt: skip
    return '{"suite": "plmhead tokenizer", "version": 1, "cases": [\n' + ",\n".join(lines) + "\n]}\n"


def main() -> int:
    if "--check" in sys.argv[1:]:
        same = CASES.exists() and CASES.read_text(encoding="utf-8") == text()
        print("the cases are up to date" if same else "cases.json differs from what this program writes")
        return 0 if same else 1
    CASES.write_text(text(), encoding="utf-8")
    print(f"tokenizer: {len(questions())} cases written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
