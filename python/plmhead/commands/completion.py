"""`completion`: a script that completes verbs and options in a shell, made by shtab from the parser itself."""

from __future__ import annotations

import argparse
from typing import Any

from .terminal import compact

SHELLS = ("bash", "zsh", "fish")
#: Metavars of what is a path.
_FILES = ("ARTIFACT", "OTHER", "OUTPUT", "PATH/NAME", "FOLDER", "FILE", "X.npy")


def run_completion(options: argparse.Namespace) -> None:
    script = completion(options.shell)
    print(compact({"shell": options.shell, "script": script}) if options.json else script)


def completion(shell: str) -> str:
    """The script. Raises ImportError without shtab."""
    try:
        import shtab
    except ImportError:
        raise ImportError("completion needs shtab: pip install 'plmhead[completion]'") from None
    from .parser import make_parser

    parser = make_parser()
    for verb in parser.verbs.values():
        for action in verb._actions:
            if str(action.metavar).startswith(_FILES):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return str(shtab.complete(parser, shell=shell))


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command(
        "completion", run_completion, "print a script that completes commands and options in a shell", artifact=False
    )
    parser.add_argument(
        "shell",
        choices=SHELLS,
        help="for bash: plmhead completion bash > ~/.local/share/bash-completion/completions/plmhead",
    )
    parser.add_argument("--json", action="store_true", help="one line, one object")
