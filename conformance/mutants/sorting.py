"""Mutants that need no case: by a rule that is certain, or read one by one and written down in sorted.toml with the reason."""

import ast
import tomllib
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from conformance.proof.catalogue import ProofError

from .made import MESSAGE, Mutant

TABLE = Path(__file__).resolve().parent / "sorted.toml"
NO_PROGRAM, OUTSIDE, UNREAD = "no program", "outside", "in an annotation"
#: Of survivors: nothing that can be seen changes; what changes is not asked of a loader (the text of a message, an offset).
EQUIVALENT, NOT_ASKED = "equivalent", "not asked"
#: Read, and a case is due: the reason says which, or why none is known.
OPEN = "open"


@cache
def annotations(text: str) -> list[tuple[int, int]]:
    """Where a Python file has annotations, as offsets. Nothing evaluates them after `from __future__ import annotations`."""
    if "from __future__ import annotations" not in text:
        return []
    lines = text.splitlines(keepends=True)

    def offset(line: int, column: int) -> int:
        before = lines[line - 1].encode()[:column].decode()
        return sum(map(len, lines[: line - 1])) + len(before)

    found = []
    for node in ast.walk(ast.parse(text)):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if part is not None:
                found.append((offset(part.lineno, part.col_offset), offset(part.end_lineno, part.end_col_offset)))
    return found


def by_rule(mutant: Mutant) -> str | None:
    """NO_PROGRAM, UNREAD, NOT_ASKED or None."""
    if mutant.operator == MESSAGE:
        return NOT_ASKED
    if mutant.language != "python":
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # `x is 1`
            ast.parse(mutant.mutated)
    except SyntaxError:
        return NO_PROGRAM
    inside = any(start <= mutant.start and mutant.end <= end for start, end in annotations(mutant.text))
    return UNREAD if inside else None


@dataclass(frozen=True)
class Entry:
    kind: str  # OUTSIDE, EQUIVALENT, NOT_ASKED or OPEN
    language: str
    file: str
    why: str
    functions: tuple[str, ...] = ()  # OUTSIDE: what no pair of files and no request reaches
    line: str = ""  # the line where the change begins
    becomes: tuple[str, ...] = ()  # the changed lines, on one
    function: str = ""  # where the same line stands in several: the one that is meant

    def covers(self, mutant: Mutant) -> bool:
        if (self.language, self.file) != (mutant.language, mutant.file):
            return False
        if self.kind == OUTSIDE:
            return mutant.function in self.functions
        here = not self.function or self.function == mutant.function
        return here and self.line == mutant.was and mutant.becomes in self.becomes


def entries(path: Path = TABLE) -> list[Entry]:
    """Raises ProofError."""
    found = []
    for kind, tables in tomllib.loads(path.read_text(encoding="utf-8")).items():
        for table in tables:
            parts = {name: tuple(value) if isinstance(value, list) else value for name, value in table.items()}
            try:
                found.append(Entry(kind.replace("-", " "), **parts))
            except TypeError as fault:
                raise ProofError(f"{path.name}: {kind}: {fault}") from None
    return found


class Sorter:
    """Says which mutants need no case, and which entries of the table say nothing (any more)."""

    def __init__(self, table: Iterable[Entry]) -> None:
        self.table = list(table)
        self.used: Counter[Entry] = Counter()

    def before(self, mutant: Mutant) -> str | None:
        """NO_PROGRAM, UNREAD, NOT_ASKED, OUTSIDE, or None: to be tried."""
        return by_rule(mutant) or self._listed(mutant, {OUTSIDE})

    def after(self, mutant: Mutant) -> str | None:
        """EQUIVALENT or NOT_ASKED for a survivor that was read and needs no case."""
        return self._listed(mutant, {EQUIVALENT, NOT_ASKED})

    def why_open(self, mutant: Mutant) -> str | None:
        """What is known of a survivor that needs a case."""
        return next((entry.why for entry in self.table if entry.kind == OPEN and entry.covers(mutant)), None)

    def _listed(self, mutant: Mutant, kinds: set[str]) -> str | None:
        for entry in self.table:
            if entry.kind in kinds and entry.covers(mutant):
                self.used[entry] += 1
                return entry.kind
        return None

    def idle(self, language: str, files: Iterable[str]) -> list[Entry]:
        """Entries for these files that cover nothing."""
        here = (each for each in self.table if each.language == language and each.file in files and each.kind != OPEN)
        return [each for each in here if not self.used[each]]
