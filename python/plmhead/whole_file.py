"""One file on disk, written so that it is under its name complete or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


def beside(path: Path, token: str, kind: str) -> Path:
    """The name of a file that helps to write `path`."""
    return path.with_name(f".{path.name}.{token}.{kind}")


def new_token() -> str:
    """16 hexadecimal digits that nobody can guess: no two writers meet, and no link lies in wait."""
    return secrets.token_hex(8)


@contextlib.contextmanager
def replaced(target: Path, binary: bool = True) -> Iterator[IO[Any]]:
    """A new file, which takes the place of `target` at the end; after an error or an interrupt `target` is as it was.

    Text is UTF-8 and keeps its ends of lines. Raises OSError.
    """
    temporary = beside(target, new_token(), "tmp")
    file = temporary.open("xb") if binary else temporary.open("x", encoding="utf-8", newline="")
    try:
        with file:
            yield file
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
