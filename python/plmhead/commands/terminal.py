"""What the verbs share: how they print, warn, show progress, and write a file."""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..whole_file import replaced


def decimal(text: str) -> float:
    """A threshold as every language's command line reads it."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a decimal number")
    return float(text)


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
    """One line of JSON; only quotes, backslashes and control characters are escaped."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def show(members: dict[str, Any], as_json: bool) -> None:
    """Prints the members, one a line, or as one object of JSON."""
    if as_json:
        print(compact(members))
        return
    width = max(len(name) for name in members)
    for name, value in members.items():
        # A string from a hostile file must not move the cursor or begin a line of its own.
        plain = isinstance(value, str) and value.isprintable()
        print(f"{name:{width}}  {value if plain else compact(value)}")


def warn(text: str | None) -> None:
    """One line on standard error, where there is something to warn of."""
    if text:
        print(f"plmhead: warning: {text}", file=sys.stderr)


@contextlib.contextmanager
def output(path: str | None, binary: bool = False) -> Iterator[Any]:
    """Standard output, or a file that appears under its name only when it is complete."""
    if path is None:
        yield sys.stdout
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
