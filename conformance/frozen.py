"""Read back a case of `cases/fitted/` or `gold/`, which is not regenerated: the head from its NPZ, and what the oracle says about it now.

Reads only what this suite's own writer, the Python package's and numpy.savez wrote; the standard library's ZIP reader serves.
"""

import io
import json
import re
import zipfile
from pathlib import Path

from .ieee import HALF, widen32
from .json_bytes import Raw
from .pair import Head, Pair, archive_of
from .suite import Predict, Rows, describe, expected, fast_profile, from_token

HEADER = re.compile(r"\{'descr': '([^']+)', 'fortran_order': False, 'shape': \(([0-9, ]*)\), \} *\n")


def member(archive: zipfile.ZipFile, name: str) -> tuple[str, list[int], list[int]]:
    """descr, shape, and the elements as unsigned bit patterns."""
    data = archive.read(f"{name}.npy")
    found = HEADER.fullmatch(data[10:128].decode())
    descr, shape = found[1], [int(v) for v in found[2].split(",") if v.strip()]
    size = 4 if descr.startswith("<U") else int(descr[2:])
    return descr, shape, [int.from_bytes(data[i : i + size], "little") for i in range(128, len(data), size)]


def real_values(descr: str, patterns: list[int]) -> list[int]:
    return [widen32(v) for v in patterns] if descr == "<f4" else patterns


def labels_of(descr: str, patterns: list[int], count: int) -> list[object]:
    if descr == "|b1":
        return [bool(v) for v in patterns]
    if descr == "<i8":
        return [v - 2**64 if v >> 63 else v for v in patterns]
    if descr == "<f8":
        return list(patterns)
    width = len(patterns) // count
    return ["".join(map(chr, patterns[i * width : (i + 1) * width])).rstrip("\0") for i in range(count)]


def read_head(npz: bytes) -> Head:
    with zipfile.ZipFile(io.BytesIO(npz)) as archive:
        coef_dtype, (rows, n), coef = member(archive, "coef")
        intercept_dtype, _, intercept = member(archive, "intercept")
        classes_dtype, (k,), classes = member(archive, "classes")
        n_iter_dtype, _, n_iter = member(archive, "n_iter")
    weights = real_values(coef_dtype, coef)
    return Head(
        [weights[r * n : (r + 1) * n] for r in range(rows)],
        real_values(intercept_dtype, intercept),
        labels_of(classes_dtype, classes, k),
        classes_dtype,
        coef_dtype,
        intercept_dtype,
        n_iter,
        n_iter_dtype,
    )


def read_rows(folder: Path, x: dict[str, object]) -> Rows:
    size, cols = int(x["dtype"][1]), x["cols"]
    data = (folder / x["path"]).read_bytes()
    patterns = [int.from_bytes(data[i : i + size], "little") for i in range(0, len(data), size)]
    values = [widen32(v) for v in patterns] if size == 4 else patterns
    return Rows([values[r * cols : (r + 1) * cols] for r in range(x["rows"])], x["dtype"], cols)


def read_pair(folder: Path) -> Pair:
    head = read_head((folder / "model.npz").read_bytes())
    config = json.loads((folder / "model_config.json").read_bytes(), parse_float=Raw)
    if "format" not in config:
        return Pair(archive_of(head), config, head, "0", HALF, sealed=False)
    threshold = from_token(config["decision"]["threshold"]) if config["decision"] else None
    return Pair(archive_of(head), config, head, config["format_version"], threshold)


def differences(folder: Path) -> list[str]:
    """What the frozen files say otherwise than the oracle."""
    case = json.loads((folder / "case.json").read_bytes())
    pair = read_pair(folder)
    found = [] if describe(pair) == case["describe"] else ["describe"]
    if pair.version != "0" and pair.self_test(pair.config) != pair.config["self_test"]:
        found.append("self_test")
    for i, due in enumerate(case["predictions"]):
        threshold = None if due["threshold"] is None else int(due["threshold"], 16)
        predict = Predict(read_rows(folder, due["x"]), threshold, due["assay_type"])
        now = {**expected(pair, predict), "fast": fast_profile(pair, predict)}
        found += [f"predictions/{i}/{name}" for name, value in now.items() if value != due[name]]
    if "scikit_learn" in case:
        from .bound import outside

        found += [f"scikit_learn/{what}" for what in outside(folder, case, case["scikit_learn"])]
        found += [f"predictions/0/{what}" for what in outside(folder, case, case["predictions"][0])]
    return found
