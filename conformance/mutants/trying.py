"""A mutant before the suite, and the copy of a commit in which that happens: work in the tree meanwhile changes nothing."""

import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from conformance.proof.catalogue import ProofError
from conformance.proof.mutants import REPOSITORY, SOURCES, NotBuiltError, NotStartedError, Workshop, judged

from .made import Mutant
from .verdicts import KILLED, START, SURVIVED, UNVIABLE, Verdict

PARTS = ("conformance", "python", "spec", "rust-loader", "js-loader")
SECONDS = (
    4.0  # for one answer; the slowest honest one takes 0.1 s, but for the largest files, which are in the areas of LONG
)
LONG_SECONDS = 30.0
LONG = ("limit/", "fitted/")
MAX_MEMORY = 1024  # MiB, as in a run of the suite
USUAL = 200  # killers that are tried first
#: Half of the time of a suite, for one limit: tried only on survivors that are in no list.
SLOW = "limit/npz-size"


def snapshot(commit: str, folder: Path) -> Path:
    """The tree of a commit, unpacked below `folder`."""
    run = subprocess.run(("git", "archive", commit, *PARTS), cwd=REPOSITORY, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(run.stdout)) as archive:
        archive.extractall(folder / "tree", filter="data")
    return folder / "tree"


class Suite:
    def __init__(self, tree: Path) -> None:
        data = (tree / "conformance/manifest.json").read_bytes()
        self.digest = hashlib.sha256(data).hexdigest()[:16]
        self.ids = [str(case["id"]) for case in json.loads(data)["cases"]]
        self.known = frozenset(self.ids)
        self.slow = frozenset(name for name in self.ids if name.startswith(SLOW))

    def first(self, killers: Counter[str]) -> list[str]:
        """The cases to try first: those that killed most so far, then one of each area."""
        areas = {name.partition("/")[0]: name for name in reversed(self.ids)}
        usual = [name for name, _ in killers.most_common(USUAL)]
        return list(dict.fromkeys([*usual, *areas.values()]))


def viable(mutant: Mutant, root: Path) -> bool:
    """Whether the text of a mutant that does not start is a program at all."""
    file = str(root / SOURCES[mutant.language] / mutant.file)
    check = {"python": (sys.executable, "-m", "py_compile", file), "javascript": ("node", "--check", file)}
    command = check.get(mutant.language)  # what is Rust was built
    return command is None or subprocess.run(command, capture_output=True, check=False).returncode == 0


def control(workshop: Workshop, suite: Suite, languages: Iterable[str]) -> None:
    """Raises ProofError when a case fails on an unmodified loader: then it would kill every mutant."""
    for language in languages:
        alarms = workshop.trial(language, f"control-{language}", {}, 5, suite.slow).killers
        if alarms:
            raise ProofError(f"the unmodified {language} loader fails {', '.join(sorted(alarms))}")


def tried(workshop: Workshop, suite: Suite, mutant: Mutant, killers: Counter[str], whole: bool) -> Verdict:
    """`whole`: with the slow cases. Raises ProofError when the suite itself does not run."""
    began = time.monotonic()

    def verdict(result: str, killer: str = "", hang: bool = False) -> Verdict:
        return Verdict(mutant.key, result, killer, hang, suite.digest, round(time.monotonic() - began, 2), whole)

    try:
        command, root = workshop.made(mutant.language, mutant.key, {mutant.file: mutant.mutated})
    except NotBuiltError:
        shutil.rmtree(workshop.folder / f"rust-{mutant.key}", ignore_errors=True)
        return verdict(UNVIABLE)
    asked = {
        "command": command,
        "timeout": workshop.timeout,
        "stop_after": 1,
        "without": [] if whole else sorted(suite.slow),
        "first": suite.first(killers),
        "max_memory": MAX_MEMORY,
    }
    try:
        found = judged(asked, mutant.key, workshop.repository)
        if any(case.startswith(LONG) for case in found.hangs):  # it may only have been slow
            found = judged({**asked, "timeout": LONG_SECONDS}, mutant.key, workshop.repository)
    except NotStartedError:
        return verdict(KILLED, START) if viable(mutant, root) else verdict(UNVIABLE)
    finally:
        shutil.rmtree(root)
    for killer in found.killers:
        return verdict(KILLED, killer, killer in found.hangs)
    return verdict(SURVIVED)
