"""The verbs that write a pair from a pair: `upgrade`, `amend`, `seal`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from ..head import pair_paths
from .show import UPGRADED_WARNING
from .terminal import add_json_option, compact, pair_members, pairs, printable


def run_upgrade(options: argparse.Namespace) -> None:
    from ..edit import upgrade

    upgrade(options.artifact, options.output, options.family)
    text = f"wrote {pair_paths(options.output)[0]}; {UPGRADED_WARNING}"
    _say(options.output, text, options.json, [UPGRADED_WARNING])


def run_amend(options: argparse.Namespace) -> None:
    from ..edit import amend

    changes: list[tuple[str, str | None]] = [
        *pairs(options.set, "--set"),
        *((where, None) for where in options.remove),
    ]
    amend(options.artifact, changes)
    _say(options.artifact, f"sealed {pair_paths(options.artifact)[1]}", options.json)


def run_seal(options: argparse.Namespace) -> None:
    from ..edit import seal_pair

    seal_pair(options.artifact)
    _say(options.artifact, f"sealed {pair_paths(options.artifact)[0]} and its config", options.json)


def _say(artifact: str, text: str, as_json: bool, warnings: Sequence[str] = ()) -> None:
    members = {**pair_members(*pair_paths(artifact)), "warnings": list(warnings)}
    print(compact(members) if as_json else printable(text))


def add(command: Any) -> None:
    """Declares the verbs."""
    upgraded = command("upgrade", run_upgrade, "write a version 0 pair as version 1")
    upgraded.add_argument("output", metavar="OUTPUT", help="PATH/NAME of the new pair")
    upgraded.add_argument("--family", choices=("esm1b", "esm1v", "esm2"), help="where the model's name does not say it")
    add_json_option(upgraded)
    amended = command("amend", run_amend, "change members of the config and seal it again")
    amended.add_argument(
        "--set", action="append", default=[], metavar="POINTER=JSON", help="such as /training/dataset='\"boughter\"'"
    )
    amended.add_argument("--remove", action="append", default=[], metavar="POINTER")
    add_json_option(amended)
    sealed = command("seal", run_seal, "make a valid artifact of numpy.savez arrays and a minimal config")
    add_json_option(sealed)
