"""The counts of a run, and the table of README.md."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from conformance.proof.catalogue import LANGUAGES

from .made import TOOLS, Mutant
from .sorting import EQUIVALENT, NO_PROGRAM, NOT_ASKED, OPEN, OUTSIDE, UNREAD, Sorter
from .trying import Suite
from .verdicts import KILLED, UNVIABLE, Log, Verdict

README = Path(__file__).resolve().parent / "README.md"
BEGIN, END = "<!-- table -->\n", "<!-- end of table -->\n"
HANG, NOT_RUN = "hang", "not run"
COLUMNS = ("made", NO_PROGRAM, OUTSIDE, KILLED, HANG, EQUIVALENT, NOT_ASKED, OPEN, NOT_RUN)


@dataclass
class Counts:
    by_language: dict[str, Counter[str]] = field(default_factory=dict)
    open: list[Mutant] = field(default_factory=list)
    suite: int = 0  # cases

    @property
    def total(self) -> Counter[str]:
        return sum(self.by_language.values(), Counter())

    @property
    def not_run(self) -> int:
        return self.total[NOT_RUN]

    def line(self) -> str:
        names = ("made", KILLED, EQUIVALENT, NOT_ASKED, OPEN, NOT_RUN)
        return f"conformance-mutants: {', '.join(f'{name} {self.total[name]}' for name in names)}"


def category(mutant: Mutant, verdict: Verdict | None, sorter: Sorter) -> str:
    """Where a mutant that had to be tried is counted."""
    if verdict is None:
        return NOT_RUN
    if verdict.result == KILLED:
        return KILLED
    if verdict.result == UNVIABLE:
        return NO_PROGRAM
    return sorter.after(mutant) or OPEN


def standing(mutant: Mutant, log: Log, suite: Suite, sorter: Sorter) -> Verdict | None:
    """The verdict on a mutant that holds for this suite."""
    return log.valid(mutant.key, suite.digest, suite.known, sorter.after(mutant) is not None)


def counted(made: Iterable[Mutant], settled: dict[str, str], log: Log, suite: Suite, sorter: Sorter) -> Counts:
    counts = Counts(suite=len(suite.ids))
    for mutant in made:
        row = counts.by_language.setdefault(mutant.language, Counter())
        verdict = standing(mutant, log, suite, sorter)
        where = settled.get(mutant.key) or category(mutant, verdict, sorter)
        row["made"] += 1
        row[EQUIVALENT if where == UNREAD else where] += 1
        row[HANG] += where == KILLED and verdict is not None and verdict.hang
        if where == OPEN:
            counts.open.append(mutant)
    return counts


def rows(counts: Counts) -> str:
    lines = ["| loader | tool | " + " | ".join(COLUMNS) + " |", "|---|---|" + "---:|" * len(COLUMNS)]
    for language in [*(name for name in LANGUAGES if name in counts.by_language), "all"]:
        row = counts.total if language == "all" else counts.by_language[language]
        lines.append(
            f"| {language} | {TOOLS.get(language, '')} | " + " | ".join(str(row[name]) for name in COLUMNS) + " |"
        )
    return "\n".join(lines)


def written(counts: Counts, sorter: Sorter) -> str:
    """The open ones as a list."""
    lines = []
    for mutant in counts.open:
        why = sorter.why_open(mutant) or "not read yet"
        lines.append(
            f"- {mutant.language} {mutant.file}, {mutant.function or 'constants'}: `{mutant.was}` becomes `{mutant.becomes}`: {why}"
        )
    return "\n".join(["Open:", "", *lines]) if lines else "Nothing is open."


def write(counts: Counts, sorter: Sorter, commit: str) -> None:
    """Puts the table and the open mutants into README.md, between its two marks."""
    text = README.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    said = f"{datetime.now(UTC):%Y-%m-%d}, commit {commit[:12]}, {counts.suite} cases:\n\n{rows(counts)}\n\n{written(counts, sorter)}\n"
    README.write_text(f"{before}{BEGIN}\n{said}\n{END}{after}", encoding="utf-8")


def literal(text: str) -> str:
    """A TOML string."""
    return f"'{text}'" if "'" not in text else f"'''{text}'''" if "'''" not in text else repr(text)


def show_open(mutants: Iterable[Mutant]) -> None:
    """Entries for sorted.toml without a reason, one for each line of source."""
    together: dict[tuple[str, str, str, str], list[Mutant]] = {}
    for mutant in mutants:
        together.setdefault((mutant.language, mutant.file, mutant.was, mutant.function), []).append(mutant)
    for (language, file, was, function), group in together.items():
        changes = "".join(f"    {literal(each.becomes)},\n" for each in group)
        print(
            f'\n# {file}:{group[0].line}\n[[equivalent]]\nlanguage = "{language}"\nfile = "{file}"\nfunction = "{function}"'
        )
        print(f'line = {literal(was)}\nbecomes = [\n{changes}]\nwhy = ""')
