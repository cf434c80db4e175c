"""Collects cases, computes what an accept case expects, and writes folders and manifest."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import fast, npy_bytes, oracle
from .ieee import HALF, from_decimal, from_int, hex16, is_finite, less, narrow32
from .json_bytes import Raw
from .pair import Pair

SUITE = "1.0"
V0_ASSAYS = {"ELISA": Raw("0.5"), "PSR": Raw("0.5495")}
ONE = from_int(1)


@dataclass
class Rows:
    """An input matrix: bit patterns of its dtype, row after row."""

    rows: list[list[int]]  # binary64 bits, finite or not
    dtype: str = "f8"
    cols: int | None = None  # needed when there are no rows
    raw: list[list[int]] | None = None  # the stored patterns where `rows` cannot be narrowed (f4 NaN, infinity)

    def data(self) -> bytes:
        size = int(self.dtype[1])
        if self.raw is not None:
            patterns = [v for row in self.raw for v in row]
        elif size == 4:
            patterns = [narrow32(v) for row in self.rows for v in row]
        else:
            patterns = [v for row in self.rows for v in row]
        return npy_bytes.words(patterns, size)

    def width(self) -> int:
        return self.cols if self.cols is not None else len(self.rows[0])


@dataclass
class Predict:
    x: Rows
    threshold: int | None = None
    assay_type: str | None = None


@dataclass
class Case:
    id: str
    record: dict[str, object]
    files: dict[str, bytes] = field(default_factory=dict)


class Suite:
    def __init__(self) -> None:
        self.cases: dict[str, Case] = {}
        self.pairs: dict[str, Pair] = {}

    def accept(
        self,
        case_id: str,
        clause: str,
        why: str,
        pair: Pair,
        predictions: list[Predict] | None = None,
        prepend: dict[str, int] | None = None,
    ) -> None:
        record: dict[str, object] = {"id": case_id, "kind": "accept", "clause": clause, "why": why}
        if prepend:
            record["prepend"] = prepend
        case = Case(case_id, record)
        case.files["model.npz"], case.files["model_config.json"] = pair.files()
        record["describe"] = describe(pair)
        record["predictions"] = [self.prediction(case, i, pair, p) for i, p in enumerate(predictions or [])]
        self.pairs[case_id] = pair
        self.add(case)

    def reject(
        self,
        case_id: str,
        clause: str,
        code: str,
        where: str | None,
        why: str,
        base: str,
        mutation: str,
        edit: Callable[[Pair], object],
        prepend: dict[str, int] | None = None,
        until: str | None = None,
    ) -> None:
        """Add a case with one fault. `until`: the newest version of a reader for which the case holds."""
        pair = copy.deepcopy(self.pairs[base])
        edit(pair)
        record: dict[str, object] = {"id": case_id, "kind": "reject", "clause": clause, "why": why}
        if prepend:
            record["prepend"] = prepend
        if until:
            record["until"] = until
        record.update(code=code, where=where, base=base, mutation=mutation)
        case = Case(case_id, record)
        case.files["model.npz"], case.files["model_config.json"] = pair.files()
        before = self.cases[base].files
        if not prepend and all(case.files[name] == before[name] for name in case.files):
            raise ValueError(f"{case_id}: the mutation changed nothing")
        self.add(case)

    def add(self, case: Case) -> None:
        if case.id in self.cases:
            raise ValueError(f"{case.id} is there twice")
        self.cases[case.id] = case

    def prediction(self, case: Case, number: int, pair: Pair, p: Predict) -> dict[str, object]:
        data = p.x.data()
        path = next(
            (name for name, old in case.files.items() if name.startswith("x") and old == data), f"x{number}.bin"
        )
        case.files[path] = data
        out: dict[str, object] = {
            "x": {"path": path, "dtype": p.x.dtype, "rows": len(p.x.rows), "cols": p.x.width()},
            "threshold": None if p.threshold is None else hex16(p.threshold),
            "assay_type": p.assay_type,
        }
        error = input_error(pair, p)
        if error:
            return {**out, "error": {"code": error[0], "where": error[1]}}
        return {**out, **expected(pair, p), "fast": fast_profile(pair, p)}


def assays(pair: Pair) -> dict[str, int] | None:
    if pair.threshold is None:
        return None
    tokens = V0_ASSAYS if pair.version == "0" else pair.config["decision"]["assay_thresholds"]
    return {name: from_token(token) for name, token in tokens.items()}


def from_token(token: Raw | int) -> int:
    """The binary64 of a number in a config."""
    return from_decimal(token.text if isinstance(token, Raw) else str(token))


def describe(pair: Pair) -> dict[str, object]:
    head = pair.head
    flat = [w for row in head.coef for w in row]
    named = assays(pair)
    return {
        "format_version": pair.version,
        "verified": pair.version != "0",
        "link": head.link,
        "n_features_in": head.n,
        "classes": [head.tagged(label) for label in head.labels],
        "n_iter": [str(v) for v in head.n_iter],
        "coef": {"shape": [len(head.coef), head.n], "sha256": digest(npy_bytes.words(flat, 8))},
        "intercept": {"shape": [len(head.intercept)], "sha256": digest(npy_bytes.words(head.intercept, 8))},
        "threshold": None if pair.threshold is None else hex16(pair.threshold),
        "assay_thresholds": None if named is None else [[name, hex16(bits)] for name, bits in named.items()],
    }


def input_error(pair: Pair, p: Predict) -> tuple[str, str] | None:
    """The InputError due, in the order of the rules of section 13, or None."""
    if p.x.width() != pair.head.n:
        return "INPUT_SHAPE", "X"
    for r, row in enumerate(p.x.rows):
        for c, bits in enumerate(row):
            if not is_finite(bits):
                return "INPUT_NONFINITE", f"/{r}/{c}"
    for r, row in enumerate(p.x.rows):
        try:
            oracle.score(row, pair.head.coef, pair.head.intercept, HALF if pair.threshold is not None else None)
        except oracle.NonFiniteError:
            return "DECISION_NONFINITE", f"/{r}"
    if p.threshold is not None and (pair.threshold is None or not in_unit_interval(p.threshold)):
        return "THRESHOLD", "threshold"
    if p.assay_type is not None and p.assay_type not in (assays(pair) or {}):
        return "ASSAY_TYPE", "assay_type"
    return None


def in_unit_interval(bits: int) -> bool:
    return is_finite(bits) and not less(bits, 0) and not less(ONE, bits)


def in_force(pair: Pair, p: Predict) -> int | None:
    """The threshold of P7."""
    if p.assay_type is not None:
        return assays(pair)[p.assay_type]
    return pair.threshold if p.threshold is None else p.threshold


def fast_profile(pair: Pair, p: Predict) -> dict[str, list[object]] | None:
    return fast.profile(p.x.rows, pair.head.coef, pair.head.intercept, in_force(pair, p))


def expected(pair: Pair, p: Predict) -> dict[str, object]:
    threshold = in_force(pair, p)
    scores = [oracle.score(row, pair.head.coef, pair.head.intercept, threshold) for row in p.x.rows]
    return {
        "decision": [hex16(v) for s in scores for v in s.decision],
        "probability": [hex16(v) for s in scores for v in s.probability],
        "labels": [pair.head.tagged(pair.head.labels[s.label]) for s in scores],
    }


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def dump_record(record: dict[str, object]) -> bytes:
    return (json.dumps(record, indent=1) + "\n").encode()


def write_case(case: Case, root: Path) -> None:
    folder = root / "cases" / case.id
    folder.mkdir(parents=True)
    for name, data in case.files.items():
        (folder / name).write_bytes(data)
    (folder / "case.json").write_bytes(dump_record(case.record))


def manifest_entry(case_id: str, kind: str, files: dict[str, bytes]) -> dict[str, object]:
    return {
        "id": case_id,
        "path": f"cases/{case_id}",
        "kind": kind,
        "sha256": {name: digest(files[name]) for name in sorted(files)},
    }


def manifest_bytes(entries: list[dict[str, object]]) -> bytes:
    """One case a line: a change in one case is a change of one line."""
    lines = ",\n".join(json.dumps(entry) for entry in sorted(entries, key=lambda e: e["id"]))
    return f'{{"suite": "{SUITE}", "cases": [\n{lines}\n]}}\n'.encode()
