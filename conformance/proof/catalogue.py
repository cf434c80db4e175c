"""The planted bugs: `bugs/*.toml`, a table a bug, with exact replacements for each language that can express it."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
LANGUAGES = ("python", "rust", "javascript")
MEMBERS = {"what", "base", *LANGUAGES}

#: (file in the loader's source folder, text that occurs there exactly once, text in its place)
Edit = tuple[str, str, str]


class ProofError(Exception):
    """The proof itself is broken: a replacement does not fit the code, or a mutant does not build or start."""


@dataclass(frozen=True)
class Bug:
    slug: str
    what: str
    edits: dict[str, list[Edit]]  # by language
    base: str | None  # a bug that is planted too, and whose own killers do not count


def bugs() -> dict[str, Bug]:
    """Every bug by its slug, in the order of the files."""
    found: dict[str, Bug] = {}
    for path in sorted((HERE / "bugs").glob("*.toml")):
        for slug, table in tomllib.loads(path.read_text(encoding="utf-8")).items():
            if slug in found:
                raise ProofError(f"{path.name}: a second bug {slug}")
            unknown = set(table) - MEMBERS
            if unknown or not table.get("what"):
                raise ProofError(f"{path.name}: {slug}: {sorted(unknown) or 'what is missing'}")
            edits = {name: [tuple(edit) for edit in table[name]] for name in LANGUAGES if name in table}
            found[slug] = Bug(slug, table["what"], edits, table.get("base"))
    for bug in found.values():
        if bug.base is not None and set(bug.edits) - set(found[bug.base].edits):
            raise ProofError(f"{bug.slug}: {bug.base} is not there in each of its languages")
    return found


def edited(text: str, old: str, new: str, name: str) -> str:
    """`text` with the one occurrence of `old` replaced. Raises ProofError when there is none, or more than one."""
    count = text.count(old)
    if count != 1:
        raise ProofError(f"{name}: {count} occurrences of {old!r}, expected 1: the loader has changed, mend the proof")
    return text.replace(old, new)


def applied(sources: dict[str, str], edits: list[Edit]) -> dict[str, str]:
    """The files that the edits change, with their new texts."""
    changed: dict[str, str] = {}
    for name, old, new in edits:
        changed[name] = edited(changed.get(name, sources[name]), old, new, name)
    return changed
