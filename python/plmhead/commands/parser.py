"""The parser of the command line: its help in groups, and the nearest word for one that is wrong."""

from __future__ import annotations

import argparse
import difflib
import textwrap
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

from .. import __version__
from . import GROUPS, MODULES
from .terminal import lines

_WIDTH = 100


class Parser(argparse.ArgumentParser):
    """A parser that takes options by their full names alone, and says what was meant."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(allow_abbrev=False, **arguments)

    def error(self, message: str) -> NoReturn:
        """Ends with exit code 2."""
        self.exit(2, f"{self.format_usage()}{self.prog}: {lines(message)} (see {self.prog} --help)\n")

    def check_options(self, words: Sequence[str]) -> None:
        """Before anything else is said of them: argparse speaks of what is missing first, and of what is unknown last."""
        for word in words:
            if word == "--":
                return
            name = word.partition("=")[0]
            if word.startswith("--") and name not in self._option_string_actions and " " not in word:
                self.error(f"there is no option {name}{_meant(name, self._option_string_actions)}")


class _MainParser(Parser):
    """`plmhead` itself, whose help lists the verbs in groups."""

    def __init__(self) -> None:
        super().__init__(prog="plmhead", usage="plmhead COMMAND ...")
        self.add_argument("--version", action="version", version=f"plmhead {__version__}")
        self._verbs = self.add_subparsers(dest="command", metavar="COMMAND", prog="plmhead", parser_class=Parser)
        self.verbs: dict[str, Parser] = self._verbs.choices

    def command(self, name: str, run: Callable[[argparse.Namespace], Any], text: str, artifact: bool = True) -> Parser:
        """A new verb; `text` says what it does, in the words of `plmhead --help`."""
        parser: Parser = self._verbs.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if artifact:
            parser.add_argument(
                "artifact", metavar="ARTIFACT", help="PATH/NAME, PATH/NAME.npz or PATH/NAME_config.json"
            )
        parser.set_defaults(run=run)
        return parser

    def format_help(self) -> str:
        """The groups, a line a verb."""
        texts = {action.dest: action.help or "" for action in self._verbs._choices_actions}
        parts = ["plmhead: portable classifier heads on protein language model embeddings", ""]
        for title, names in GROUPS.items():
            parts.append(f"{title}:")
            for name in names:
                parts += textwrap.wrap(
                    texts[name], _WIDTH - 14, initial_indent=f"  {name:<10}  ", subsequent_indent=" " * 14
                )
            parts.append("")
        parts.append("plmhead COMMAND --help says more of one; plmhead --version says which release this is.")
        return "\n".join(parts) + "\n"

    def parse(self, words: Sequence[str]) -> argparse.Namespace:
        """The options, or exit code 2."""
        first = words[0] if words else ""
        if not words:
            self.exit(2, f"{self.format_usage()}plmhead: a command is due (see plmhead --help)\n")
        if not first.startswith("-") and first not in self.verbs:
            self.error(f"there is no command {first}{_meant(first, self.verbs)}")
        parser = self.verbs.get(first, self)
        parser.check_options(words[1:] if first in self.verbs else words)
        options, rest = self.parse_known_args(words)
        if rest:
            parser.error(f"found {' '.join(rest)} beyond what it takes")
        return options


def _meant(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), 2, 0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


def make_parser() -> _MainParser:
    """The whole command line."""
    parser = _MainParser()
    for module in MODULES:
        module.add(parser.command)
    return parser
