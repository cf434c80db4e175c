"""What each package holds, exactly, worked out from the files that git tracks; and whether the versions agree."""

from __future__ import annotations

import json
import re
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping
from fnmatch import fnmatch
from pathlib import Path

#: What the folders of the loaders hold for those who work on them, not for those who use them.
NOT_IN_CRATE = ("tests/*", "examples/*", "capi/tests/*")
SPEC_IN_WHEEL = ("SPEC.md", "errors.json", "config.schema.json")


def below(tracked: Iterable[str], folder: str) -> set[str]:
    """Names relative to a folder."""
    return {name.removeprefix(f"{folder}/") for name in tracked if name.startswith(f"{folder}/")}


def wheel(tracked: Iterable[str], version: str) -> set[str]:
    info = f"plmhead-{version}.dist-info"
    code = {f"plmhead/{name}" for name in below(tracked, "python/plmhead")}
    spec = {f"plmhead/spec/{name}" for name in SPEC_IN_WHEEL}
    return (
        code
        | spec
        | {f"{info}/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE")}
    )


def sdist(tracked: Iterable[str], version: str) -> set[str]:
    alone = ("README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", ".gitignore")
    held = {name for name in tracked if name.startswith(("python/plmhead/", "spec/")) or name in alone}
    return {f"plmhead-{version}/{name}" for name in held | {"PKG-INFO"}}


def crate(tracked: Iterable[str], version: str) -> set[str]:
    held = {name for name in below(tracked, "rust-loader") if not any(fnmatch(name, out) for out in NOT_IN_CRATE)}
    return {f"plmhead-{version}/{name}" for name in held | {"Cargo.toml.orig"}}


def npm(tracked: Iterable[str], version: str) -> set[str]:
    """The sources, a file of types for each, and what npm always takes along."""
    sources = {name for name in below(tracked, "js-loader") if name.startswith("src/")}
    types = {f"types/{name.removeprefix('src/').removesuffix('.js')}.d.ts" for name in sources}
    return {f"package/{name}" for name in sources | types | {"package.json", "README.md", "LICENSE"}}


def members(package: Path) -> dict[str, bytes]:
    """Name and bytes of each file; ValueError for anything else than plain files under plain names."""
    if package.suffix == ".whl":
        with zipfile.ZipFile(package) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    found = {}
    with tarfile.open(package) as archive:
        for member in archive:
            file = archive.extractfile(member) if member.isreg() else None
            if file is None or ".." in Path(member.name).parts or member.name in found:
                raise ValueError(f"{package.name}: {member.name} is no plain file, or is there twice")
            found[member.name] = file.read()
    return found


def faults(held: Mapping[str, bytes], expected: set[str], machine: Iterable[str]) -> list[str]:
    """What is missing, what is too much, and which files name a place of this machine."""
    missing = [f"{name} is missing" for name in sorted(expected - set(held))]
    more = [f"{name} does not belong there" for name in sorted(set(held) - expected)]
    places = [place.encode() for place in machine]
    named = [f"{name} names a path of this machine" for name, data in held.items() if any(p in data for p in places)]
    empty = [
        f"{name} is empty" for name, data in held.items() if not data and not name.endswith(("__init__.py", "py.typed"))
    ]
    return missing + more + named + empty


def versions(source: Path) -> dict[str, str]:
    """The version of the packages, from each place that says it."""
    rust = source / "rust-loader"
    lock = tomllib.loads((rust / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    javascript = {
        name: json.loads((source / "js-loader" / name).read_text(encoding="utf-8"))["version"]
        for name in ("package.json", "package-lock.json")
    }
    init = (source / "python/plmhead/__init__.py").read_text(encoding="utf-8")
    found = re.search(r'^__version__ = "(.+)"$', init, re.MULTILINE)
    return {
        "python/plmhead/__init__.py": found[1] if found else "",
        "rust-loader/Cargo.toml": tomllib.loads((rust / "Cargo.toml").read_text(encoding="utf-8"))["package"][
            "version"
        ],
        "rust-loader/Cargo.lock": next(entry["version"] for entry in lock if entry["name"] == "plmhead"),
        **{f"js-loader/{name}": version for name, version in javascript.items()},
    }


def version_faults(source: Path) -> list[str]:
    """Where the places disagree, and whether CHANGELOG.md has words under a heading of this version."""
    found = versions(source)
    version = found["python/plmhead/__init__.py"]
    wrong = [f"{place} says {other}, not {version}" for place, other in found.items() if other != version]
    changes = (source / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## ([^\n]*)\n(.*?)(?=^## |\Z)", changes, re.MULTILINE | re.DOTALL))
    entry = [
        text for heading, text in sections.items() if re.search(rf"\bpackages {re.escape(version)}(?![\w.])", heading)
    ]
    if not any(re.search(r"^- \w", text, re.MULTILINE) for text in entry):
        wrong.append(f"CHANGELOG.md has no entry for packages {version}")
    return wrong
