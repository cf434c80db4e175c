"""The two errors a caller meets.

Exception
  ValueError
    FormatError   an artifact breaks a rule of the specification
    InputError    X, an argument, a data file or an estimator is not usable

Both carry `code` (a word of spec/v1/errors.json), `where` and a message that says what was found and what was expected.
"""

from __future__ import annotations

# json and pathlib are imported where they are used: a process that meets no error loads sooner.
import functools
from typing import Any


def spec_text(name: str) -> str:
    """Text of a file of spec/v1: packed into the wheel, or beside the sources in a checkout."""
    from pathlib import Path

    here = Path(__file__).resolve()
    packed = here.parent / "spec" / name
    path = packed if packed.exists() else here.parents[2] / "spec" / "v1" / name
    return path.read_text(encoding="utf-8")


@functools.cache
def registry() -> dict[str, dict[str, Any]]:
    """The error registry: code -> entry (phase, clause, summary, remedy)."""
    import json

    return {entry["code"]: entry for entry in json.loads(spec_text("errors.json"))["errors"]}


class _CodedError(ValueError):
    def __init__(self, code: str, where: str, message: str, remedy: str | None = None) -> None:
        super().__init__(code, where, message, remedy)
        self.code = code
        self.where = where
        self.message = message
        self._remedy = remedy

    @property
    def remedy(self) -> str | None:
        """What mends it, where something does."""
        return self._remedy or registry().get(self.code, {}).get("remedy")

    def __str__(self) -> str:
        place = f" ({self.where})" if self.where else ""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.code}{place}: {self.message}{remedy}"


class FormatError(_CodedError):
    """An artifact breaks a rule of the specification.

    `where` is a JSON pointer, a member's name in the NPZ, `config`, `npz`, or one of these with a byte offset.
    """


class InputError(_CodedError):
    """X, an argument, a data file or an estimator is not usable."""


def mismatch(code: str, where: str, found: object, expected: str) -> FormatError:
    """A FormatError in the house form: found …, expected …."""
    text = found if isinstance(found, str) else repr(found)
    return FormatError(code, where, f"found {text if len(text) <= 80 else text[:77] + '...'}, expected {expected}")
