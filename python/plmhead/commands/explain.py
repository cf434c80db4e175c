"""`explain`: what an error code means, and the rule behind it."""

from __future__ import annotations

import argparse
import difflib
import re
from typing import Any

from ..errors import InputError, registry, spec_text
from .terminal import compact


def run_explain(options: argparse.Namespace) -> None:
    if options.code is None:
        _list(options.json)
        return
    found = explanation(options.code)
    if options.json:
        print(compact(found))
        return
    print(f"{found['code']}: {found['summary']}")
    if found["remedy"]:
        print(f"\nRemedy: {found['remedy']}.")
    print(f"\nMet in phase {found['phase']}; {_clause(found['clause'])}" + (":" if found["rule"] else "."))
    if found["rule"]:
        print(f"\n{found['rule']}")


def explanation(word: str) -> dict[str, Any]:
    """The registry's entry of a code, and the text of its rule (None where the clause is a whole section).

    Raises InputError ARGUMENT, naming the nearest codes.
    """
    known = registry()
    code = word.strip().upper().replace("-", "_")
    if code not in known:
        near = difflib.get_close_matches(code, known, 3, 0.5)
        expected = " or ".join(near) if near else "a code that plmhead explain lists"
        raise InputError("ARGUMENT", "CODE", f"found {word!r}, expected {expected}", "plmhead explain lists the codes")
    entry = known[code]
    return {name: entry[name] for name in ("code", "summary", "remedy", "phase", "clause")} | {
        "rule": rule(entry["clause"])
    }


def rule(clause: str) -> str | None:
    """The text of a rule of SPEC.md, such as R1; its lines as one paragraph."""
    text = re.search(rf"^- \*\*{re.escape(clause)}\*\* (.*(?:\n  .*)*)", spec_text("SPEC.md"), re.MULTILINE)
    return None if text is None else " ".join(line.strip() for line in text[1].splitlines())


def _clause(clause: str) -> str:
    return f"{clause if clause.startswith('section') else f'rule {clause}'} of the specification"


def _list(as_json: bool) -> None:
    if as_json:
        print(
            compact(
                [
                    {name: entry[name] for name in ("code", "summary", "phase", "clause")}
                    for entry in registry().values()
                ]
            )
        )
        return
    width = max(map(len, registry()))
    phase = None
    for entry in registry().values():
        if entry["phase"] != phase:
            print(("" if phase is None else "\n") + entry["phase"])
            phase = entry["phase"]
        print(f"  {entry['code']:{width}}  {entry['summary']}")


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("explain", run_explain, "say what an error code means, and what mends it", artifact=False)
    parser.add_argument("code", metavar="CODE", nargs="?", help="such as NPZ_DIGEST; without one, all are listed")
    parser.add_argument("--json", action="store_true", help="one line: one object, or an array of all")
