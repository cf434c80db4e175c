"""Known failures: a TOML file that belongs to a loader, never to the suite.

    [[failure]]
    id = "zip-crc/coef"
    reason = "the CRC-32 of a stored member is not read yet"
    issue = "https://example.org/issues/7"
    testee = "plmhead-rust"  # optional: only this one, `name-language` as it says hello

A listed case that fails, crashes or hangs is an expected failure; one that passes is an error, so that the list cannot age.
"""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from .report import NOT_EXECUTED, Outcome


@dataclass(frozen=True)
class Known:
    id: str
    reason: str
    issue: str
    testee: str | None = None


def read(path: Path) -> list[Known]:
    """ValueError says what is wrong with the file."""
    document = tomllib.loads(path.read_text(encoding="utf-8"))
    entries = document.get("failure", [])
    if document.keys() - {"failure"} or not isinstance(entries, list):
        raise ValueError("only [[failure]] tables are expected")
    known = [entry(number, table) for number, table in enumerate(entries, 1)]
    places = [(each.id, each.testee) for each in known]
    if len(set(places)) != len(places):
        raise ValueError("a case is listed twice for a testee")
    return known


def entry(number: int, table: object) -> Known:
    if not isinstance(table, dict) or table.keys() - {"testee"} != {"id", "reason", "issue"}:
        raise ValueError(f"failure {number}: id, reason and issue are due, testee is optional, nothing else")
    if not all(isinstance(value, str) and value for value in table.values()):
        raise ValueError(f"failure {number}: every value is a text, and not empty")
    return Known(**table)


def apply(outcome: Outcome, testee: str, known: list[Known]) -> None:
    """Turn the outcome of a listed case into xfail or xpass. What was not executed stays so, a broken protocol stays a failure."""
    found = [each for each in known if each.id == outcome.id and each.testee in (None, testee)]
    if not found or outcome.result in NOT_EXECUTED or outcome.protocol:
        return
    if outcome.result == "pass":
        outcome.result, outcome.detail = "xpass", f"passes, but is listed as a known failure: {found[0].reason}"
    else:
        outcome.result = "xfail"
    outcome.known = {"reason": found[0].reason, "issue": found[0].issue}
