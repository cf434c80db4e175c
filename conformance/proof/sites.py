"""The places where a loader refuses something, each with the source text in which that one place does nothing.

Python by its syntax tree: a `raise` or a call of a check becomes `pass`. JavaScript: `throw x` becomes `void x`, a call of a check
`void (arguments)`. Rust: `if c { return Err(e) }` becomes `if (c) && false { ... }` and `check(x)?;` becomes `let _ = check(x);`; what
is written in other forms stands in deletions.toml.
"""

import ast
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .catalogue import ProofError, edited

TABLE = Path(__file__).resolve().parent / "deletions.toml"

#: The loader's core: what stands between the bytes of a pair and a head, and between an input and its scores.
CORE = {
    "python": ("json.py", "npy.py", "rules.py", "config.py", "head.py", "score.py", "zip.py"),
    "javascript": (
        "arrays.js",
        "config.js",
        "fields.js",
        "head.js",
        "input.js",
        "json.js",
        "load.js",
        "npy.js",
        "score.js",
        "selftest.js",
        "zip.js",
    ),
    "rust": (
        "agreement.rs",
        "arrays.rs",
        "config.rs",
        "fields.rs",
        "files.rs",
        "head.rs",
        "input.rs",
        "json.rs",
        "labels.rs",
        "npy.rs",
        "selftest.rs",
        "tables.rs",
        "zip.rs",
    ),
}

PYTHON_CHECKS = {
    "fail",
    "unexpected",
    "expect",
    "require",
    "check_length",
    "check_agreement",
    "check_environment",
    "_agree",
    "_check_class_weight",
    "_check_limits",
    "_check_members",
    "_check_seal",
    "_check_self_test",
    "_check_shapes",
    "item",
    "name_rule",
    "value_rule",
    "rule",
}
JAVASCRIPT_CHECKS = (
    "this.#fail",
    "fail",
    "check",
    "checkAgreement",
    "checkClassWeight",
    "checkEnvironment",
    "checkFinite",
    "checkLocal",
    "checkName",
    "checkNoNewName",
    "checkNpzDigest",
    "checkSeal",
    "checkSelfTest",
    "checkShapes",
    "checkSize",
    "compare",
    "expectEqual",
    "expectLengths",
    "objectOrNull",
    "anyObject",
    "checkLength",
    "balanced",
    "weights",
    "fraction",
    "decisionMembers",
    "goldenRecords",
    "checkRoot",
    "checkVersion0Root",
    "checkVersions",
    "present",
    "versionText",
)


@dataclass(frozen=True)
class Site:
    language: str
    file: str
    line: int
    text: str  # what is neutralised, on one line
    mutant: str  # the whole file without it


def one_line(text: str) -> str:
    return " ".join(text.split())


def python_sites(file: str, source: str) -> Iterator[Site]:
    lines = source.encode().splitlines(keepends=True)
    starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
    data = source.encode()
    for node in ast.walk(ast.parse(source)):
        called = node.value.func if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) else None
        name = getattr(called, "attr", getattr(called, "id", None))
        # A bare raise passes on what was refused elsewhere.
        refuses = isinstance(node, ast.Raise) and node.exc is not None
        if not refuses and name not in PYTHON_CHECKS:
            continue
        begin, end = starts[node.lineno - 1] + node.col_offset, starts[node.end_lineno - 1] + node.end_col_offset
        mutant = data[:begin] + b"pass" + data[end:]
        yield Site("python", file, node.lineno, one_line(data[begin:end].decode()), mutant.decode())


def javascript_sites(file: str, source: str) -> Iterator[Site]:
    names = "|".join(re.escape(name) for name in JAVASCRIPT_CHECKS)
    form = re.compile(rf"\bthrow\b(?= )|(?<![.\w#])(?<!function )(?:{names})(?=\()")
    for match in form.finditer(source):
        line = source[: match.start()].rpartition("\n")[2]
        if line.lstrip().startswith(("*", "//", "/*")):
            continue
        if not line.strip() and source[match.start() :].partition("\n")[0].endswith(") {"):
            continue  # the definition of a method
        if line.endswith("throw "):
            continue  # the statement is a site already
        mutant = source[: match.start()] + ("void" if match.group() == "throw" else "void ") + source[match.end() :]
        text = source[match.start() :].partition("\n")[0]
        yield Site("javascript", file, source.count("\n", 0, match.start()) + 1, one_line(text), mutant)


def rust_sites(file: str, source: str) -> Iterator[Site]:
    lines = source.partition("#[cfg(test)]")[0].splitlines(keepends=True)
    rest = source[len("".join(lines)) :]
    for number, line in enumerate(lines):
        changed = rust_change(lines, number)
        if changed is not None:
            index, text = changed
            mutant = "".join([*lines[:index], text, *lines[index + 1 :]]) + rest
            yield Site("rust", file, number + 1, one_line(line), mutant)


def rust_change(lines: list[str], number: int) -> tuple[int, str] | None:
    """(index of the line that changes, its new text) when line `number` refuses something in a form that a machine can undo."""
    line = lines[number]
    call = re.fullmatch(r"( +)([a-z_:.]+\(.*\))\?;\n", line)
    if call and not call.group(2).startswith(("return", "self.at")):
        return number, f"{call.group(1)}let _ = {call.group(2)};\n"
    refusal = re.match(r" +return (?:Err\(|self\.fault\(|fault\()", line)
    accepted = re.match(r" +return Ok\(\(\)\);", line) and not any("fn " in lines[n] for n in range(number, number + 2))
    if not refusal and not accepted:
        return None
    indent = len(line) - len(line.lstrip())
    opener = next(
        n for n in range(number - 1, -1, -1) if len(lines[n]) - len(lines[n].lstrip()) < indent and lines[n].strip()
    )
    condition = re.fullmatch(r"( +)if (?!let )(.*) \{\n", lines[opener])
    if condition is None:
        return None
    # The condition is still computed: it may take a byte.
    word = "&& false" if refusal else "|| true"
    return opener, f"{condition.group(1)}if ({condition.group(2)}) {word} {{\n"


FINDERS: dict[str, Callable[[str, str], Iterator[Site]]] = {
    "python": python_sites,
    "javascript": javascript_sites,
    "rust": rust_sites,
}


def by_hand(sources: dict[str, str]) -> Iterator[Site]:
    """The Rust sites of deletions.toml."""
    for entry in tomllib.loads(TABLE.read_text(encoding="utf-8")).get("rust", []):
        source = sources[entry["file"]]
        mutant = edited(source, entry["old"], entry["new"], entry["file"])
        line = source.count("\n", 0, source.index(entry["old"])) + 1
        yield Site("rust", entry["file"], line, one_line(entry["old"]), mutant)


def excluded() -> list[dict[str, str]]:
    """Sites that no pair of files and no request can reach: language, file, text (a part of the site's), why."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8")).get("excluded", [])


def sites(language: str, sources: dict[str, str]) -> list[Site]:
    """Every site but the excluded ones. Raises ProofError for an exclusion that excludes nothing."""
    found = [site for file in CORE[language] for site in FINDERS[language](file, sources[file])]
    if language == "rust":
        found += by_hand(sources)
    for entry in excluded():
        if entry["language"] == language:
            kept = [site for site in found if site.file != entry["file"] or entry["text"] not in site.text]
            if len(kept) == len(found):
                raise ProofError(f"deletions.toml: {language} {entry['file']}: no site has {entry['text']!r}")
            found = kept
    return found
