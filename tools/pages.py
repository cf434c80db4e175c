"""The code blocks of the pages, and how a reader runs them: in one folder, in the order of the page."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).resolve().parents[1]
#: What says where another installation lies, which an empty environment must not see.
LEADS = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "NODE_PATH", "CARGO_TARGET_DIR", "MAKEFLAGS", "MAKELEVEL")

#: README's section of commands for a fresh clone, which tools/first_score.py runs in one.
FIRST_SCORE = re.compile(r"^## First score\n.*?(?=^## )", re.MULTILINE | re.DOTALL)
#: Languages of files and of output, which nothing runs.
NOT_CODE = {"text", "yaml", "toml", "json"}


class Block(NamedTuple):
    page: str
    language: str
    text: str

    @property
    def in_clone(self) -> bool:
        """Whether it is for a reader who has the repository, not the packages."""
        return self.language == "sh" and bool(re.search(r"^(make|pip install '?\.)", self.text, re.MULTILINE))


def blocks(page: str, root: Path = REPOSITORY) -> list[Block]:
    text = FIRST_SCORE.sub("", (root / page).read_text(encoding="utf-8"))
    found = re.findall(r"^```(\w+)(?:,no_run)?\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [Block(page, language, block) for language, block in found if language not in NOT_CODE]


@dataclass(frozen=True)
class Reader:
    """Somebody who works in `folder`, with the packages installed in one way or another."""

    folder: Path
    python: Path = Path(sys.executable)
    #: Folders with the commands, before those of the system.
    commands: tuple[Path, ...] = (Path(sys.executable).parent,)
    crate: Path = REPOSITORY / "rust-loader"
    #: Locked versions of Rust packages; None takes what the registry has today.
    lock: Path | None = REPOSITORY / "rust-loader" / "Cargo.lock"
    target: Path = REPOSITORY / "rust-loader" / "target" / "readme"
    environment: Mapping[str, str] = field(default_factory=dict)

    def call(self, *command: str | Path, folder: Path | None = None, **environment: str) -> str:
        """What a command prints; AssertionError with all it said where it fails."""
        inherited = {name: value for name, value in os.environ.items() if name not in LEADS}
        path = os.pathsep.join([*map(str, self.commands), os.environ["PATH"]])
        done = subprocess.run(
            [str(word) for word in command],
            cwd=folder or self.folder,
            capture_output=True,
            text=True,
            timeout=600,
            env={**inherited, "PATH": path, **self.environment, **environment},
        )
        assert done.returncode == 0, f"{command}: exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout


def run_python(block: Block, reader: Reader) -> str:
    return reader.call(reader.python, "-W", "error", "-c", block.text)


def run_javascript(block: Block, reader: Reader) -> str:
    (reader.folder / "block.mjs").write_text(block.text, encoding="utf-8")
    return reader.call("node", "block.mjs")


def run_rust(block: Block, reader: Reader) -> str:
    project = reader.folder / "block"
    shutil.rmtree(project, ignore_errors=True)
    (project / "src").mkdir(parents=True)
    manifest = '[package]\nname = "block"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n'
    (project / "Cargo.toml").write_text(f'{manifest}plmhead = {{ path = "{reader.crate}" }}\n')
    if reader.lock:
        shutil.copy(reader.lock, project / "Cargo.lock")
    (project / "src" / "main.rs").write_text(block.text, encoding="utf-8")
    reader.call("cargo", "build", "--quiet", folder=project, CARGO_TARGET_DIR=str(reader.target))
    return reader.call(reader.target / "debug" / "block")


def run_install(block: Block, reader: Reader) -> str:
    """Installs from the clone into an empty environment."""
    empty = reader.folder / "empty"
    reader.call(reader.python, "-m", "venv", "--clear", empty)
    reader.call("bash", "-ec", block.text, folder=REPOSITORY, PATH=f"{empty / 'bin'}:{os.environ['PATH']}")
    script = "import plmhead, sklearn, onnxruntime; from plmhead.errors import spec_text; print(len(spec_text('errors.json')))"
    out = reader.call(empty / "bin/python", "-c", script)
    assert int(out) > 1000
    return out


def run_make(block: Block, reader: Reader) -> str:
    """In the clone itself. The one stand-in: a file of the reader's own."""
    own = shutil.copy(REPOSITORY / "examples" / "demo_sequences.csv", reader.folder / "your_sequences.csv")
    text = block.text.replace("your_sequences.csv", str(own))
    out = reader.call("bash", "-ec", text, folder=REPOSITORY)
    assert text.count("\n") == out.count(" values differ"), out
    return out


def run_shell(block: Block, reader: Reader) -> str:
    if "pip install" in block.text:
        return run_install(block, reader)
    if block.in_clone:
        return run_make(block, reader)
    return reader.call("bash", "-ec", block.text)


def run_cpp(block: Block, reader: Reader) -> str:
    """It is written to the file that its first line names; the block after it compiles and runs that."""
    (reader.folder / block.text.split("\n")[0].removeprefix("// ")).write_text(block.text, encoding="utf-8")
    return "written"


RUNNERS = {"python": run_python, "js": run_javascript, "rust": run_rust, "sh": run_shell, "cpp": run_cpp}
#: Three languages print arrays, each in its own way.
PRINTED = {"js": "Float64Array", "rust": "[", "python": ""}


def run(block: Block, reader: Reader) -> str:
    """What it printed; AssertionError where it fails, KeyError for a language that nobody runs."""
    out = RUNNERS[block.language](block, reader)
    if block.page == "README.md":
        assert PRINTED.get(block.language, "") in out, out
    return out
