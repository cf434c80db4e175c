"""`repair`: makes a pair whole whose writer was killed."""

from __future__ import annotations

import argparse
from typing import Any

from ..errors import FormatError
from ..head import pair_paths
from .terminal import show


def run_repair(options: argparse.Namespace) -> int:
    from ..repair import repair

    name = pair_paths(options.artifact)[0].stem
    try:
        done = repair(options.artifact)
    except FormatError as fault:
        if not options.json:
            raise
        show({"name": name, "ok": False, "code": fault.code, "where": fault.where, "message": fault.message}, True)
        return 1
    members = {"name": name, "ok": True, "restored": done.restored, "npz_sha256": done.head.npz_sha256}
    show({**members, "kept": [path.name for path in done.kept], "removed": done.removed}, options.json)
    return 0


def add(command: Any) -> None:
    """Declares the verb."""
    repair = command("repair", run_repair, "make a pair whole whose writer was killed")
    repair.add_argument("--json", action="store_true", help="one line, one object")
