"""The `plmhead` command (docs/command-line.md): its exit codes. The verbs and their options are in commands/."""

from __future__ import annotations

import argparse
import io
import os
import sys
from typing import Any

from . import __version__, commands
from .errors import FormatError, InputError


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit code is 0, 1 (refused) or 2 (the command line is wrong)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # JSON is UTF-8, whatever the locale says
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code = int(options.run(options) or 0)
        sys.stdout.flush()
        return code
    except (FormatError, InputError) as fault:
        print(f"plmhead: {_printable(str(fault))}", file=sys.stderr)
        return 2 if fault.code == "ARGUMENT" else 1
    except (UnicodeEncodeError, OSError) as fault:
        if isinstance(fault, BrokenPipeError):
            # The reader went away (| head): point stdout elsewhere so that the interpreter's last flush is silent.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"plmhead: OUTPUT: cannot write the output: {fault}", file=sys.stderr)
        return 1
    except ImportError as fault:
        missing = (fault.name or "").startswith("sklearn")
        text = "training needs scikit-learn: pip install 'plmhead[train]'" if missing else fault
        print(f"plmhead: {text}", file=sys.stderr)
        return 1


def _printable(text: str) -> str:
    """The text with control characters escaped: names from a hostile file must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plmhead",
        allow_abbrev=False,
        description="Portable classifier heads on protein language model embeddings.",
    )
    parser.add_argument("--version", action="version", version=f"plmhead {__version__}")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, artifact: bool = True) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        if artifact:
            sub.add_argument("artifact", metavar="ARTIFACT", help="PATH/NAME, PATH/NAME.npz or PATH/NAME_config.json")
        sub.set_defaults(run=run)
        return sub

    for group in commands.GROUPS:
        group.add(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
