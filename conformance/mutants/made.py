"""The mutants of a loader's core: made by cosmic-ray, Stryker and cargo-mutants, told alike as a replacement of a part of one file."""

import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from conformance.proof.catalogue import ProofError
from conformance.proof.mutants import REPOSITORY, SOURCES
from conformance.proof.sites import CORE as CHECKING

HERE = Path(__file__).resolve().parent
CACHE = REPOSITORY / ".cache/conformance-mutants"
TOOLS = {"python": "cosmic-ray", "javascript": "Stryker", "rust": "cargo-mutants"}

#: What stands between the bytes of a pair and a head, and between an input and its scores.
CORE = {
    "python": CHECKING["python"],
    "javascript": (*CHECKING["javascript"], "sha256.js"),
    "rust": (*CHECKING["rust"], "coefficients.rs", "digest.rs", "forms.rs", "score.rs"),
}
#: Operators of Stryker whose replacement could bind otherwise than the expression that it replaces.
LOOSE = {"ArithmeticOperator", "BooleanLiteral", "EqualityOperator", "LogicalOperator", "UnaryOperator"}
#: The operator of a mutant that only empties a string for people.
MESSAGE = "StringLiteral of a message"
HEADING = {
    "python": re.compile(r"^ *def (\w+)", re.MULTILINE),
    "javascript": re.compile(
        r"^(?:export )?(?:async )?function\*? (\w+)|^  (?:static |get )?#?(\w+)\(.*\) \{$", re.MULTILINE
    ),
    "rust": re.compile(r"^ *(?:pub(?:\(crate\))? )?(?:const )?fn (\w+)", re.MULTILINE),
}
#: What decides which mutants the tools make, beside the text.
SETTINGS = {"python": ("cosmic.py", "requirements.txt"), "javascript": ("stryker.mjs", "package.json"), "rust": ()}

#: operator, start, end, replacement: of one file, offsets in characters
Change = tuple[str, int, int, str]


@dataclass(frozen=True)
class Mutant:
    language: str
    file: str
    text: str  # the whole file as it is
    operator: str
    start: int
    end: int
    replacement: str

    @property
    def key(self) -> str:
        """The same for the same change of the same function, whatever else stands in the file."""
        begin, end = self.around
        parts = (
            self.language,
            self.file,
            self.text[begin : self.start],
            self.text[self.start : self.end],
            self.replacement,
            self.text[self.end : end],
        )
        return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]

    @property
    def around(self) -> tuple[int, int]:
        """From the last heading of a function above the change to the next one below it."""
        headings = [match.start() for match in HEADING[self.language].finditer(self.text)]
        above = (at for at in reversed(headings) if at <= self.start)
        below = (at for at in headings if at >= self.end and at > self.start)
        return next(above, 0), next(below, len(self.text))

    @property
    def mutated(self) -> str:
        return self.text[: self.start] + self.replacement + self.text[self.end :]

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.start) + 1

    @property
    def was(self) -> str:
        """The line where the change begins."""
        return self.text.splitlines()[self.line - 1].strip()

    @property
    def becomes(self) -> str:
        """The changed lines, on one."""
        first = self.text.rfind("\n", 0, self.start) + 1
        last = self.text.find("\n", self.end)
        changed = self.text[first : self.start] + self.replacement + self.text[self.end : last if last >= 0 else None]
        return " ".join(changed.split())

    @property
    def function(self) -> str:
        """The name in the last heading of a function above the change; '' when there is none."""
        names = [
            next(filter(None, match.groups())) for match in HEADING[self.language].finditer(self.text, 0, self.end)
        ]
        return names[-1] if names else ""


def in_common(one: str, other: str) -> int:
    """How many characters two texts have in common before they differ."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def difference(before: str, after: str) -> tuple[int, int, str]:
    """(start, end, replacement) of the one part in which two texts differ."""
    start = in_common(before, after)
    tail = in_common(before[start:][::-1], after[start:][::-1])
    return start, len(before) - tail, after[start : len(after) - tail]


def offset(text: str, line: int, column: int, unit_bytes: int) -> int:
    """The index in `text` of a place: line and column from 0, the column in characters (unit_bytes 4) or UTF-16 units (2)."""
    lines = text.split("\n")
    encoding = {2: "utf-16-le", 4: "utf-32-le"}[unit_bytes]
    before = lines[line].encode(encoding)[: unit_bytes * column].decode(encoding)
    return sum(len(each) + 1 for each in lines[:line]) + len(before)


def answers(command: list[str], folder: Path) -> str:
    path = f"{CACHE / 'cargo/bin'}{os.pathsep}{os.environ['PATH']}"
    try:
        run = subprocess.run(
            command, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
        )
    except OSError as error:
        raise ProofError(f"{command[0]}: {error.strerror}: `make conformance-mutants` installs the tools") from None
    if run.returncode:
        raise ProofError(f"{' '.join(command[:3])} ended with status {run.returncode}:\n{run.stderr[-3000:]}")
    return run.stdout


def cosmic_ray(path: Path, text: str) -> Iterator[Change]:
    for line in answers([str(CACHE / "cosmic-ray/bin/python"), str(HERE / "cosmic.py"), str(path)], HERE).splitlines():
        made = json.loads(line)
        yield made["operator"].removeprefix("core/"), *difference(text, made["source"])


def stryker(path: Path, text: str) -> Iterator[Change]:
    for line in answers(["node", "stryker.mjs", str(path)], HERE).splitlines():
        made = json.loads(line)
        operator, replacement = made["operator"], made["replacement"]
        start, end = (offset(text, *made[edge], 2) for edge in ("start", "end"))
        name = MESSAGE if made["message"] else operator
        yield name, start, end, f"({replacement})" if operator in LOOSE else replacement


def cargo_mutants(path: Path, text: str) -> Iterator[Change]:
    crate = path.parents[1]
    command = ["cargo", "mutants", "--list", "--json", "--file", str(path.relative_to(crate))]
    for made in json.loads(answers(command, crate)):
        edges = (made["span"][edge] for edge in ("start", "end"))
        start, end = (offset(text, edge["line"] - 1, edge["column"] - 1, 4) for edge in edges)
        yield made["genre"], start, end, made["replacement"]


MAKERS = {"python": cosmic_ray, "javascript": stryker, "rust": cargo_mutants}


def kept_at(language: str, path: Path, text: str) -> Path:
    """Where the changes of one file are kept."""
    settings = b"".join((HERE / name).read_bytes() for name in SETTINGS[language])
    digest = hashlib.sha256(settings + text.encode()).hexdigest()
    return CACHE / f"made/{language}-{path.name}-{digest[:16]}.json"


def listed(language: str, path: Path, text: str) -> list[Change]:
    """The changes of one file. Made once: cosmic-ray takes minutes."""
    kept = kept_at(language, path, text)
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(list(MAKERS[language](path, text))), encoding="utf-8")
    return [(operator, start, end, replacement) for operator, start, end, replacement in json.loads(kept.read_text())]


def mutants(language: str, repository: Path, files: Iterable[str] = ()) -> list[Mutant]:
    """The mutants of a loader in a copy of the repository, each change once, in the order of the files. Raises ProofError."""
    found: dict[tuple[str, str], Mutant] = {}
    for file in CORE[language]:
        path = repository / SOURCES[language] / file
        if files and file not in files:
            continue
        text = path.read_text(encoding="utf-8")
        for change in listed(language, path, text):
            mutant = Mutant(language, file, text, *change)
            found.setdefault((file, mutant.mutated), mutant)
    order = {file: at for at, file in enumerate(CORE[language])}
    return sorted(found.values(), key=lambda mutant: (order[mutant.file], mutant.start, mutant.end))
