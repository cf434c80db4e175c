"""What the verbs share: how they print, warn, show progress, and write a file."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..whole_file import replaced

#: What no terminal gets raw: control and format characters, separators of lines, characters without width, for private use, and none.
#: The same ranges as in the other command lines (docs/command-line.md), so that their output is equal by bytes.
_HIDDEN = re.compile(
    "[\\0-\\x1f\\x7f-\\x9f\\xad\\u034f\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890-\\u0891\\u08e2\\u115f-\\u1160\\u17b4-\\u17b5"
    "\\u180b-\\u180f\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\u3164\\ud800-\\uf8ff\\ufdd0-\\ufdef\\ufe00-\\ufe0f\\ufeff"
    "\\uffa0\\ufff0-\\ufffb\\ufffe-\\uffff\\U000110bd\\U000110cd\\U00013430-\\U0001343f\\U0001bca0-\\U0001bca3"
    "\\U0001d173-\\U0001d17a\\U0001fffe-\\U0001ffff\\U0002fffe-\\U0002ffff\\U0003fffe-\\U0003ffff\\U00040000-\\U0010ffff]"
)


def printable(text: str) -> str:
    """The text with hidden characters as JSON escapes them: names from a hostile file must not steer a terminal."""
    return _HIDDEN.sub(lambda hidden: json.dumps(hidden[0])[1:-1], text)


def lines(text: str) -> str:
    """As `printable`, of a text of several lines, each of which stays one."""
    return "\n".join(map(printable, text.split("\n")))


def decimal(text: str) -> float:
    """A threshold as every language's command line reads it."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a decimal number")
    return float(text)


def add_json_option(parser: argparse.ArgumentParser, what: str = "one line, one object") -> None:
    """`--json`; what is printed is described by schemas/VERB.schema.json."""
    parser.add_argument("--json", action="store_true", help=what)


def add_threshold_options(parser: argparse.ArgumentParser) -> None:
    """The options of P7 of the specification."""
    parser.add_argument("--threshold", type=decimal, metavar="T", help="label 1 above this probability")
    parser.add_argument("--assay-type", metavar="NAME", help="use the threshold stored for this assay")


def pairs(values: Iterable[str], option: str) -> list[tuple[str, str]]:
    """NAME=VALUE of each value. Raises InputError ARGUMENT at the option."""
    found = []
    for value in values:
        name, equals, rest = value.partition("=")
        if not equals:
            raise InputError("ARGUMENT", option, f"found {value!r}, expected NAME=VALUE")
        found.append((name, rest))
    return found


def assay_thresholds(values: Iterable[str]) -> dict[str, float]:
    """The thresholds of --assay-threshold NAME=T. Raises InputError ARGUMENT."""
    thresholds = {}
    for name, text in pairs(values, "--assay-threshold"):
        try:
            thresholds[name] = float(text)
        except ValueError:
            message = f"found {text!r}, expected a number from 0 to 1"
            raise InputError("ARGUMENT", "--assay-threshold", message) from None
    return thresholds


def compact(value: Any) -> str:
    """One line of JSON; only quotes, backslashes and hidden characters are escaped."""
    return printable(json.dumps(value, ensure_ascii=False, separators=(",", ":")))


def show(members: dict[str, Any], as_json: bool) -> None:
    """Prints the members, one a line, or as one object of JSON."""
    if as_json:
        print(compact(members))
        return
    width = max(len(name) for name in members)
    for name, value in members.items():
        plain = isinstance(value, str) and printable(value) == value
        print(f"{name:{width}}  {value if plain else compact(value)}")


def pair_members(npz: Path, config: Path) -> dict[str, Any]:
    """The members that say which pair was written."""
    digest = hashlib.sha256(npz.read_bytes()).hexdigest()
    return {"name": npz.stem, "npz": str(npz), "config": str(config), "npz_sha256": digest}


def warn(text: str | None) -> None:
    """One line on standard error, where there is something to warn of."""
    if text:
        print(f"plmhead: warning: {printable(text)}", file=sys.stderr)


class _Terminal:
    """Standard output where somebody watches: what is data in a pipe must not steer the terminal."""

    def write(self, text: str) -> None:
        sys.stdout.write(lines(text))


@contextlib.contextmanager
def output(path: str | None, binary: bool = False) -> Iterator[Any]:
    """Standard output, or a file that appears under its name only when it is complete."""
    if path is None:
        yield _Terminal() if sys.stdout.isatty() else sys.stdout
        return
    target = Path(path)
    if target.exists() and not target.is_file():  # the rename would replace a device such as /dev/null by a file
        raise InputError("OUTPUT", path, "found no regular file, expected a file or a new name")
    try:
        with replaced(target, binary) as file:
            yield file
    except OSError as fault:
        raise InputError("OUTPUT", path, f"cannot be written: {fault.strerror}") from None


def progress(what: str) -> Any:
    """A counter on one line of a terminal; silent when standard error goes elsewhere."""
    if not sys.stderr.isatty():
        return None
    started = time.monotonic()

    def show(done: int, total: int) -> None:
        left = (time.monotonic() - started) / done * (total - done)
        end = "\n" if done == total else ""
        print(f"\r{what}: {done} of {total}, {left:.0f} s left ", end=end, file=sys.stderr, flush=True)

    return show
