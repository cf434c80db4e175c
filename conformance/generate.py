"""Write the cases: `python -m conformance.generate`, or compare them with what is on disk: `--check`.

The output is a function of this folder's source files alone. `cases/fitted/` is the exception: it comes from an installed scikit-learn,
is made once by `python -m conformance.fitted`, and is only verified here.
"""

import argparse
import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from .areas import ACCEPT, REJECT
from .frozen import differences
from .suite import Suite, dump_record, manifest_bytes, manifest_entry, write_case

HERE = Path(__file__).resolve().parent
FROZEN = "fitted"
SECOND_ORACLE = HERE / "oracle2" / "check.js"


def build() -> Suite:
    suite = Suite()
    for add in (*ACCEPT, *REJECT):
        add(suite)
    return suite


def write(root: Path, suite: Suite) -> None:
    """Write all cases and the manifest below `root`; the frozen ones are listed as they are on disk."""
    entries = []
    for case in suite.cases.values():
        write_case(case, root)
        entries.append(
            manifest_entry(case.id, str(case.record["kind"]), {**case.files, "case.json": dump_record(case.record)})
        )
    for folder in frozen_folders():
        files = {p.name: p.read_bytes() for p in folder.iterdir()}
        entries.append(manifest_entry(f"{FROZEN}/{folder.name}", "accept", files))
    (root / "manifest.json").write_bytes(manifest_bytes(entries))


def frozen_folders() -> list[Path]:
    return sorted(p for p in (HERE / "cases" / FROZEN).glob("*") if p.is_dir())


def generated_files(root: Path) -> dict[str, bytes]:
    found = {str(p.relative_to(root)): p.read_bytes() for p in (root / "cases").rglob("*") if p.is_file()}
    found["manifest.json"] = (root / "manifest.json").read_bytes()
    return {name: data for name, data in found.items() if not name.startswith(f"cases/{FROZEN}/")}


def check(suite: Suite) -> int:
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), suite)
        new = generated_files(Path(folder))
    old = generated_files(HERE)
    for folder in frozen_folders():
        for what in differences(folder):
            print(f"cases/{FROZEN}/{folder.name}: the oracle disagrees with {what}")
            old[f"cases/{FROZEN}/{folder.name}/{what}"] = b""
    differ = sorted(name for name in new.keys() | old.keys() if new.get(name) != old.get(name))
    for name in differ:
        print(f"{name}: {'not on disk' if name not in old else 'not generated' if name not in new else 'differs'}")
    agree = oracles_agree(HERE)
    verdict = "" if agree else ", and the second oracle does not agree"
    print(f"conformance-check: {len(new.keys() | old.keys())} files, {len(differ)} differ{verdict}")
    return 0 if agree and not differ else 1


def oracles_agree(root: Path) -> bool:
    """The expected values on disk, computed once more by another program in another language."""
    node = shutil.which("node")
    if node is None:
        print("oracles: node is not installed, and the second oracle needs it")
        return False
    answer = subprocess.run([node, str(SECOND_ORACLE), str(root)], capture_output=True, text=True, check=False)
    print(answer.stdout + answer.stderr, end="")
    return answer.returncode == 0


def changed_frozen() -> list[str]:
    """Frozen cases whose files are not those of the manifest on disk. New ones are not in it yet."""
    if not (HERE / "manifest.json").is_file():
        return []
    known = {case["id"]: case["sha256"] for case in json.loads((HERE / "manifest.json").read_bytes())["cases"]}
    return [
        folder.name
        for folder in frozen_folders()
        if known.get(f"{FROZEN}/{folder.name}", digests(folder)) != digests(folder)
    ]


def digests(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def regenerate(suite: Suite) -> None:
    if changed_frozen():
        raise SystemExit(f"frozen cases were changed: {', '.join(changed_frozen())}")
    cases = HERE / "cases"
    for area in cases.glob("*"):
        if area.name != FROZEN:
            shutil.rmtree(area)
    write(HERE, suite)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="conformance.generate", description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; compare with the files on disk")
    options = parser.parse_args(arguments)
    if options.check and importlib.util.find_spec("mpmath") is None:
        print("conformance-check: mpmath is missing, and the bound of the fitted cases needs it: pip install mpmath")
        return 1
    suite = build()
    if options.check:
        return check(suite)
    regenerate(suite)
    kinds = [case.record["kind"] for case in suite.cases.values()]
    print(f"conformance-generate: {kinds.count('accept')} accept, {kinds.count('reject')} reject")
    return 0


if __name__ == "__main__":
    sys.exit(main())
