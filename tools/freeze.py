"""Writes `spec/v1/frozen.txt`: a digest of everything that format 1.0 promises never to change.

That is the JSON Schema, each error code with its clause, and each conformance case, gold too: its files and what a loader must answer,
without the words that explain it. `python tools/freeze.py` adds what is new and refuses where something that is listed has changed or gone.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
FROZEN = REPOSITORY / "spec/v1/frozen.txt"
SUITES = {"case": REPOSITORY / "conformance", "gold": REPOSITORY / "conformance/gold"}
EXPLAINS = {"why"}  # the words of a case that may get clearer


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def of_case(suite: Path, entry: dict) -> str:
    """Over all files of a case, as the manifest lists them."""
    files = {name: value for name, value in entry["sha256"].items() if name != "case.json"}
    case = json.loads((suite / entry["path"] / "case.json").read_text(encoding="utf-8"))
    expected = {name: value for name, value in case.items() if name not in EXPLAINS}
    return digest(json.dumps([files, expected], sort_keys=True).encode())


def entries(suite: Path) -> list[dict]:
    return json.loads((suite / "manifest.json").read_text(encoding="utf-8"))["cases"]


def promises() -> dict[str, str]:
    """Name and digest of each promise, as the files are now."""
    schema = digest((REPOSITORY / "spec/v1/config.schema.json").read_bytes())
    errors = json.loads((REPOSITORY / "spec/v1/errors.json").read_text(encoding="utf-8"))["errors"]
    return {
        "config.schema.json": schema,
        **{f"error {error['code']}": digest(f"{error['phase']} {error['clause']}".encode()) for error in errors},
        **{
            f"{kind} {entry['id']}": of_case(suite, entry) for kind, suite in SUITES.items() for entry in entries(suite)
        },
    }


def frozen() -> dict[str, str]:
    """What `frozen.txt` lists; empty where it is not there yet."""
    if not FROZEN.exists():
        return {}
    lines = FROZEN.read_text(encoding="utf-8").splitlines()
    return {name: value for value, name in (line.split(" ", 1) for line in lines)}


def broken(listed: dict[str, str], now: dict[str, str]) -> list[str]:
    """The listed promises that the files no longer keep."""
    return [name for name, value in listed.items() if now.get(name) != value]


def main() -> int:
    listed, now = frozen(), promises()
    for name in broken(listed, now):
        print(f"freeze: {name} is frozen and has changed", file=sys.stderr)
    if broken(listed, now):
        return 1
    FROZEN.write_text("".join(f"{value} {name}\n" for name, value in now.items()), encoding="utf-8")
    print(f"freeze: {len(now)} promises, {len(now) - len(listed)} of them new")
    return 0


if __name__ == "__main__":
    sys.exit(main())
