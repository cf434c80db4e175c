"""`testee`: the conformance protocol."""

from __future__ import annotations

import argparse
from typing import Any


def run_testee(options: argparse.Namespace) -> None:
    from ..testee import serve

    serve()


def add(command: Any) -> None:
    """Declares the verb."""
    command("testee", run_testee, "speak the conformance protocol on standard input and output", artifact=False)
