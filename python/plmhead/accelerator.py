"""The optional package `plmhead_accelerator`: scoring by the Rust loader, the same bits sooner. Without it numpy scores.

PLMHEAD_ACCELERATOR=off turns it off. PLMHEAD_THREADS=4 scores large batches on four threads, instead of on all that the process
may use.
"""

from __future__ import annotations

import functools
import importlib
import os
import warnings
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

NAME = "plmhead_accelerator"
#: The scoring interface that this plmhead speaks; the package says which one it has.
INTERFACE = 1

Scores = tuple[NDArray[np.float64], NDArray[np.float64]]


class Scorer(Protocol):
    """A head in the package: writes the scores of a C-ordered x, or answers False and leaves x to numpy's code."""

    def score(
        self, x: NDArray[np.floating], decision: NDArray[np.float64], probability: NDArray[np.float64]
    ) -> bool: ...


class _Package(Protocol):
    def Scorer(self, npz: bytes, config: bytes, threads: int) -> Scorer: ...


class Presence(NamedTuple):
    """`state`: on, off (turned off), missing, or ignored, and `note` then says why."""

    state: str
    version: str | None = None
    note: str | None = None
    package: _Package | None = None


def look() -> Presence:
    """Whether the package is there and used. Imports it."""
    if os.environ.get("PLMHEAD_ACCELERATOR") == "off":
        return Presence("off", note="PLMHEAD_ACCELERATOR is off")
    try:
        package = importlib.import_module(NAME)
    except ModuleNotFoundError as fault:
        return Presence("missing") if fault.name == NAME else Presence("ignored", note=str(fault))
    except ImportError as fault:
        return Presence("ignored", note=str(fault))
    version, found = getattr(package, "__version__", None), getattr(package, "INTERFACE", None)
    if found != INTERFACE:
        note = f"found scoring interface {found}, expected {INTERFACE}: install the {NAME} of this plmhead"
        return Presence("ignored", version, note)
    return Presence("on", version, package=package)


@functools.cache
def _package() -> _Package | None:
    presence = look()
    if presence.state == "ignored":
        _warn(presence.note)
    return presence.package


def _warn(note: object) -> None:
    warnings.warn(f"{NAME} is ignored, numpy scores instead: {note}", RuntimeWarning, stacklevel=2)


def scorer(npz: bytes, config: bytes) -> Scorer | None:
    """The head of a pair that plmhead has loaded, in the package; None where that is not there or not used."""
    package = _package()
    if package is None:
        return None
    try:
        return package.Scorer(npz, config, _threads())
    except ValueError as fault:
        _warn(fault)
        return None


def _threads() -> int:
    """0 stands for all."""
    wanted = os.environ.get("PLMHEAD_THREADS", "")
    if wanted and (not wanted.isdecimal() or int(wanted) < 1):
        warnings.warn(
            f"found PLMHEAD_THREADS={wanted}, expected a number from 1; all are used", RuntimeWarning, stacklevel=2
        )
        return 0
    return min(int(wanted or 0), 1024)


def score(scorer: Scorer, x: NDArray[np.floating], rows: int, classes: int) -> Scores | None:
    """Decisions (m, rows) and probabilities (m, classes) of x (m, n); None where numpy's code has to judge x.

    That is so where x is not C-ordered, and where a value of it or a decision is not finite.
    """
    z, p = np.empty((len(x), rows)), np.empty((len(x), classes))
    return (z, p) if scorer.score(x, z, p) else None
