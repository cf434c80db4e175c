"""`doctor`: what is installed, what is missing for what, and whether this machine computes as the format needs."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from .terminal import compact, printable


def run_doctor(options: argparse.Namespace) -> int:
    from ..doctor import examine

    found = examine()
    if options.json:
        print(compact(found))
    else:
        print("\n".join(map(printable, report(found))))
    return 0 if found["ok"] else 1


def report(found: dict[str, Any]) -> Iterator[str]:
    """The object of `doctor --json`, for people."""
    yield f"plmhead {found['plmhead']}, Python {found['python']}, {found['platform']}"
    yield ""
    yield "libraries:"
    for library in found["libraries"]:
        yield f"  {library['name']:16}  {_library(library)}"
    yield f"accelerator: {_accelerator(found['accelerator'])}"
    yield ""
    yield "devices, the best first:"
    for device in found["devices"]:
        yield f"  {device['device']:16}  {device['name']}"
    yield ""
    yield "commands:"
    for verb in found["verbs"]:
        yield f"  {verb['verbs']}"
        yield "      ready" if verb["ok"] else f"      lacks {', '.join(verb['missing'])}: {verb['install']}"
    yield ""
    yield "checks:"
    for check in found["checks"]:
        yield f"  {'ok  ' if check['ok'] else 'FAIL'}  {check['check']}" + (
            f": {check['note']}" if check["note"] else ""
        )
    yield ""
    yield "all is well" if found["ok"] else "something is wrong: see FAIL, old and broken above"


def _library(library: dict[str, Any]) -> str:
    if library["state"] == "missing":
        return "not installed"
    words = {
        "ok": "",
        "old": f"  old: {library['oldest']} or newer is needed",
        "broken": f"  broken: {library['note']}",
    }
    return f"{library['version']}{words[library['state']]}"


def _accelerator(found: dict[str, Any]) -> str:
    words = {
        "on": f"{found['name']} {found['version']} scores",
        "missing": "not installed, numpy scores",
        "off": f"{found['note']}, numpy scores",
        "ignored": f"{found['name']} is ignored, numpy scores: {found['note']}",
    }
    return words[found["state"]]


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command(
        "doctor", run_doctor, "say what is installed, what is missing for what, and whether all works", artifact=False
    )
    parser.add_argument("--json", action="store_true", help="one line, one object")
