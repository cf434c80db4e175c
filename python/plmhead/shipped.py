"""The small encoders with random weights that ship with the package: for trying and testing, not for science."""

import importlib.resources
import json
from pathlib import Path
from typing import Any

FOLDER = Path(str(importlib.resources.files(__package__))) / "encoders"


def list_encoders() -> list[dict[str, Any]]:
    """Return the entries of the encoders that ship with the package: name, family, dimension, note and digests."""
    entries: list[dict[str, Any]] = json.loads((FOLDER / "encoders.json").read_text(encoding="utf-8"))
    return entries


def shipped_entry(name: object) -> dict[str, Any] | None:
    """The entry of a shipped encoder; None for any other name."""
    return next((entry for entry in list_encoders() if entry["name"] == name), None)


def shipped_folder(name: str) -> Path | None:
    """The folder of a shipped encoder's checkpoint; None for any other name."""
    entry = shipped_entry(name)
    return None if entry is None else FOLDER / str(entry["name"]).split("/")[1]


def random_weights_warning(name: str | None) -> str | None:
    """What to tell people who use one of the shipped small encoders; None for any other."""
    if shipped_entry(name) is None:
        return None
    return f"the encoder {name} has random weights: for trying things, not for science"
