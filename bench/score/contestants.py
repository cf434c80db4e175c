"""Who takes part in what, and by which command."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CACHE = ROOT / ".cache"
WORKER = str(HERE / "worker.py")
RUST = str(HERE / "rust" / "target" / "release" / "bench-score")
NODE = str(HERE / "javascript" / "main.js")

ONE_THREAD, TWO_THREADS, ONE_ROW, LOAD, LINEAR = "one thread", "two threads", "one row", "load", "linear"
SCORING = (ONE_THREAD, TWO_THREADS, ONE_ROW)


#: By what is asked of probabilities: the bits of the reference, agreement, or nothing, since none are computed.
KINDS = {True: "own", False: "peer", None: "baseline"}


class Contestant(NamedTuple):
    """A program that is asked as README.md says."""

    name: str
    program: tuple[str, ...]
    word: str
    parts: tuple[str, ...]
    environment: dict[str, str] | None = None
    #: Whether its probabilities have to have the bits of the reference; None where it has none.
    exact: bool | None = False

    @property
    def kind(self) -> str:
        return KINDS[self.exact]


class Fresh(NamedTuple):
    """A process that is started, scores and ends; `{}` stands for the artifact."""

    name: str
    command: tuple[str, ...]
    environment: dict[str, str] | None = None
    exact: bool | None = False

    @property
    def kind(self) -> str:
        return KINDS[self.exact]


def _on_path(folder: str, **more: str) -> dict[str, str]:
    return {"PYTHONPATH": str(CACHE / folder), **more}


_PYTHON, _SCRIPT, _NODE = sys.executable, (sys.executable, WORKER), ("node", NODE)
_OFF = {"PLMHEAD_ACCELERATOR": "off"}
_ACCELERATED = _on_path("accelerator")
_SKOPS = _on_path("bench-score/python")

#: Names that goals speak of.
FLOOR, RUST_OWN, NODE_OWN = "memory floor", "plmhead, Rust", "plmhead, Node"
ACCELERATED, NUMPY = "plmhead, Python with accelerator", "plmhead, Python"
SCIKIT_LEARN, ORT, ORT_NODE = "scikit-learn", "onnxruntime, Python", "onnxruntime, Node"
EMPTY, NODE_EMPTY, NUMPY_ALONE = "empty process, Rust", "node -e 0", "python -c 'import numpy'"

CONTESTANTS = (
    Contestant(FLOOR, (RUST,), "floor", SCORING, exact=None),
    Contestant(RUST_OWN, (RUST,), "plmhead", (*SCORING, LOAD, LINEAR), exact=True),
    Contestant("ndarray, Rust", (RUST,), "ndarray", SCORING),
    Contestant(NODE_OWN, _NODE, "plmhead", (ONE_THREAD, ONE_ROW, LOAD, LINEAR), exact=True),
    Contestant("plmhead, Node, inputArray", _NODE, "plmhead-input-array", (ONE_THREAD, ONE_ROW), exact=True),
    Contestant("plmhead, Node, plain loop", _NODE, "plmhead-plain", (ONE_THREAD, ONE_ROW), exact=True),
    Contestant(ORT_NODE, _NODE, "onnxruntime", SCORING),
    Contestant(ACCELERATED, _SCRIPT, "plmhead", (*SCORING, LINEAR), _ACCELERATED, exact=True),
    Contestant(NUMPY, _SCRIPT, "plmhead", (ONE_THREAD, ONE_ROW, LOAD), _OFF, exact=True),
    Contestant(SCIKIT_LEARN, _SCRIPT, "scikit-learn", SCORING),
    Contestant(ORT, _SCRIPT, "onnxruntime", (*SCORING, LOAD)),
    Contestant("pickle", _SCRIPT, "pickle", (LOAD,)),
    Contestant("joblib", _SCRIPT, "joblib", (LOAD,)),
    Contestant("skops", _SCRIPT, "skops", (LOAD,), _SKOPS),
)

FRESH = (
    Fresh(EMPTY, (RUST, "empty"), exact=None),
    Fresh(RUST_OWN, (RUST, "first", "{}"), exact=True),
    Fresh(NODE_EMPTY, ("node", "-e", "0"), exact=None),
    Fresh(NODE_OWN, (*_NODE, "first", "{}"), exact=True),
    Fresh(NUMPY_ALONE, (_PYTHON, "-c", "import numpy"), exact=None),
    Fresh(NUMPY, (*_SCRIPT, "first", "{}", "plmhead"), _OFF, exact=True),
    Fresh(ACCELERATED, (*_SCRIPT, "first", "{}", "plmhead"), _ACCELERATED, exact=True),
    Fresh(ORT, (*_SCRIPT, "first", "{}", "onnxruntime")),
    Fresh("pickle", (*_SCRIPT, "first", "{}", "pickle")),
    Fresh("joblib", (*_SCRIPT, "first", "{}", "joblib")),
    Fresh("skops", (*_SCRIPT, "first", "{}", "skops"), _SKOPS),
)
