"""Copies of a loader in a temporary folder: one with the sources as they are, and mutants, each with some files changed."""

import json
import os
import shlex
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from .catalogue import ProofError
from .trial import NOT_STARTED

REPOSITORY = Path(__file__).resolve().parents[2]
SOURCES = {"python": "python/plmhead", "rust": "rust-loader/src", "javascript": "js-loader/src"}
SUFFIXES = {"python": ".py", "rust": ".rs", "javascript": ".js"}
#: What a copy needs beside the sources.
BESIDE = {
    "python": ("spec/v1",),
    "rust": ("rust-loader/Cargo.toml", "rust-loader/Cargo.lock", "rust-loader/README.md"),
    "javascript": ("js-loader/package.json",),
}
#: Optimised a little: the suite has wide heads. Overflow checks stay on, as in any development build.
CARGO = ("cargo", "build", "--locked", "--quiet", "--bin", "plmhead")
PROFILE = ("--config", "profile.dev.opt-level=1", "--config", "profile.dev.debug=0")


class NotBuiltError(ProofError):
    """A mutant that the compiler refuses."""


class NotStartedError(ProofError):
    """A mutant that does not say hello."""


@dataclass(frozen=True)
class Verdict:
    """What the suite says of one mutant."""

    killers: frozenset[str]  # the ids of the cases that fail
    crashes: frozenset[str]  # those of them that failed because the testee crashed or hung
    hangs: frozenset[str]  # those of them that failed because an answer did not come in time


def sources(language: str, repository: Path = REPOSITORY) -> dict[str, str]:
    """The texts of a loader by their names in its source folder."""
    folder = repository / SOURCES[language]
    paths = sorted(folder.rglob(f"*{SUFFIXES[language]}"))
    return {str(path.relative_to(folder)): path.read_text(encoding="utf-8") for path in paths}


class Workshop:
    """Makes and tries mutants below one folder. Rust mutants are built one at a time, in one copy and one target folder."""

    def __init__(self, folder: Path, timeout: float = 10, repository: Path = REPOSITORY) -> None:
        self.folder = folder
        self.timeout = timeout
        self.repository = repository
        self.building = threading.Lock()
        self.dirty: set[str] = set()
        self.original = {language: sources(language, repository) for language in SOURCES}

    def copy(self, language: str, name: str) -> Path:
        """A fresh copy of a loader; the folder that holds it."""
        root = self.folder / name
        for part in (SOURCES[language], *BESIDE[language]):
            source, target = self.repository / part, root / part
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, target)
        return root

    def trial(
        self,
        language: str,
        name: str,
        changed: dict[str, str],
        stop_after: int = 0,
        without: frozenset[str] = frozenset(),
    ) -> Verdict:
        """Runs the suite less `without` against the loader with the changed files. `stop_after` failures are enough; 0: all."""
        command, root = self.made(language, name, changed)
        asked = {"command": command, "timeout": self.timeout, "stop_after": stop_after, "without": sorted(without)}
        try:
            return judged(asked, f"{language} {name}", self.repository)
        finally:
            shutil.rmtree(root)

    def made(self, language: str, name: str, changed: dict[str, str]) -> tuple[str, Path]:
        """The command of a testee, and the folder to remove after use."""
        if language == "rust":
            return self.built(name, changed)
        root = self.copy(language, f"{language}-{name}")
        for file, text in changed.items():
            (root / SOURCES[language] / file).write_text(text, encoding="utf-8")
        if language == "javascript":
            return f"node {shlex.quote(str(root / 'js-loader/src/cli.js'))} testee", root
        path = shlex.quote(f"PYTHONPATH={root / 'python'}")
        # The accelerator would score in the place of the mutant.
        return f"env PLMHEAD_ACCELERATOR=off {path} {shlex.quote(sys.executable)} -m plmhead testee", root

    def built(self, name: str, changed: dict[str, str]) -> tuple[str, Path]:
        root, kept = self.folder / f"rust-{name}", self.folder / "rust-copy"
        root.mkdir()
        with self.building:
            if not kept.exists():
                self.copy("rust", kept.name)
            for file in self.dirty | set(changed):
                text = changed.get(file, self.original["rust"][file])
                (kept / SOURCES["rust"] / file).write_text(text, encoding="utf-8")
            self.dirty = set(changed)
            environment = {**os.environ, "CARGO_TARGET_DIR": str(self.folder / "target")}
            run = subprocess.run(
                (*CARGO, *PROFILE),
                cwd=kept / "rust-loader",
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
            if run.returncode:
                raise NotBuiltError(f"rust {name} does not build:\n{run.stderr[-3000:]}")
            shutil.copy(self.folder / "target/debug/plmhead", root / "plmhead")
        return f"{shlex.quote(str(root / 'plmhead'))} testee", root


def judged(asked: dict[str, object], name: str, repository: Path = REPOSITORY) -> Verdict:
    """Runs the suite of a repository. Raises NotStartedError, ProofError."""
    trial = (sys.executable, "-m", "conformance.proof.trial")
    run = subprocess.run(trial, cwd=repository, input=json.dumps(asked), capture_output=True, text=True, check=False)
    if run.returncode:
        fault = NotStartedError if run.returncode == NOT_STARTED else ProofError
        raise fault(f"{name} does not run:\n{run.stdout[-1000:]}{run.stderr[-3000:]}")
    answer = json.loads(run.stdout)
    return Verdict(*(frozenset(answer[part]) for part in ("killers", "crashes", "hangs")))
