"""A head: loaded, checked, ready to score. Bytes in, values out; `load` is the only function that touches files."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import time
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import accelerator, json, score
from .config import MAX_CONFIG_BYTES, Config, check_agreement, parse_config
from .errors import FormatError, InputError, mismatch
from .npy import Arrays, read_arrays
from .zip import MAX_NPZ_BYTES, read_members

if TYPE_CHECKING:
    from pathlib import Path

    from sklearn.linear_model import LogisticRegression

    from .hub import Pushed, Source

#: How long a reader waits before it reads a pair again, in seconds.
PAUSES = (0.001, 0.004, 0.016)


class Head:
    """A classifier head that scores by the pinned arithmetic of SPEC section 13.

    Attributes
    ----------
    coef : float64 or float32 array (rows, n_features_in), read-only; rows is 1 for two classes
    intercept : float64 or float32 array (rows,), read-only
    classes : array (k,) of int64, float64, bool or str labels, read-only
    n_features_in : int
    n_iter : integer array (1,) or (rows,), read-only
    link : "logistic" or "softmax"
    config : dict, a copy of the config's members
    format_version : "0" or the version in the file, such as "1.0"
    verified : bool; True where digests and self-test were checked (never for version 0)
    npz_sha256 : hexadecimal SHA-256 of the NPZ
    source : where on a hub it was loaded from, and the commit; None for files (`plmhead.hub.Source`)
    """

    source: Source | None = None

    def __init__(self, config: Config, arrays: Arrays, npz: bytes, npz_sha256: str) -> None:
        self._npz = npz  # the arrays are views of it
        self._decision = config.decision
        self._intercept = arrays.intercept.astype(np.float64)
        self.coef = arrays.coef
        self.intercept = arrays.intercept
        self.classes = arrays.classes
        self.n_features_in = arrays.n_features_in
        self.n_iter = arrays.n_iter
        self.link = config.link
        self._config = config.data
        self.format_version = str(config.members.get("format_version", "0"))
        self.verified = False
        self.npz_sha256 = npz_sha256
        self.classes.setflags(write=False)

    @cached_property
    def config(self) -> dict[str, Any]:
        """Parsed when it is asked for, apart from what scores: no change to it moves a threshold."""
        members: dict[str, Any] = json.parse(self._config)
        return members

    def __repr__(self) -> str:
        verified = "verified" if self.verified else "not verified"
        return f"<plmhead.Head {self.link}, {self.n_features_in} features, classes {self.classes.tolist()}, {verified}>"

    @property
    def threshold(self) -> float | None:
        """The stored decision threshold; None for softmax."""
        return None if self._decision is None else float(self._decision["threshold"])

    @property
    def assay_thresholds(self) -> dict[str, float] | None:
        """Threshold by assay type; None for softmax."""
        return (
            None
            if self._decision is None
            else {json.text_of(name): float(t) for name, t in self._decision["assay_thresholds"].items()}
        )

    def decision_function(self, X: ArrayLike) -> NDArray[np.float64]:
        """Decisions: shape (m,) for two classes, (m, k) for more, as scikit-learn's `decision_function`.

        X is (m, n_features_in) of float32 or float64; lists and integers are taken as float64.
        Raises InputError: INPUT_DTYPE, INPUT_SHAPE, INPUT_NONFINITE, DECISION_NONFINITE.
        """
        z, _ = self._score(X)
        return z[:, 0] if self.link == "logistic" else z

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probabilities, shape (m, k), columns in the order of `classes`. Raises as `decision_function`."""
        z, p = self._score(X)
        return score.probabilities(z, self.link) if p is None else p

    def predict(self, X: ArrayLike, threshold: float | None = None, assay_type: str | None = None) -> NDArray[Any]:
        """Labels, shape (m,), members of `classes`.

        A named assay type decides the threshold, else the argument, else the stored one; 0.5 means decision > 0.
        Raises InputError as `decision_function`, and THRESHOLD, ASSAY_TYPE.
        """
        return self.score_all(X, threshold, assay_type)[2]

    def score_all(
        self, X: ArrayLike, threshold: float | None = None, assay_type: str | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[Any]]:
        """Decisions (m, rows), probabilities (m, k) and labels (m,) in one pass. Raises as `predict`."""
        z, p = self._score(X)
        p = score.probabilities(z, self.link) if p is None else p
        return z, p, self._labels(z, self.threshold_in_force(threshold, assay_type))

    def to_sklearn(self) -> LogisticRegression:
        """A fitted scikit-learn LogisticRegression with these arrays and parameters (needs scikit-learn)."""
        from .sklearn_bridge import to_estimator

        return to_estimator(self)

    def save_pretrained(self, directory: str | os.PathLike[str], *, card: str | None = None) -> Path:
        """As `plmhead.save_pretrained` of this head."""
        from .hub import save_pretrained

        return save_pretrained(self, directory, card=card)

    def push_to_hub(self, repository: str, **options: Any) -> Pushed:
        """As `plmhead.push_to_hub` of this head, with its options."""
        from .hub import push_to_hub

        return push_to_hub(self, repository, **options)

    @cached_property
    def _accelerated(self) -> accelerator.Scorer | None:
        return accelerator.scorer(self._npz, self._config)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_accelerated"}

    def _score(self, X: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
        """Decisions (m, rows) and, where they are at hand already, probabilities (m, k)."""
        x = _matrix(X, self.n_features_in)
        if self._accelerated is not None:
            scored = accelerator.score(self._accelerated, x, len(self.coef), len(self.classes))
            if scored is not None:
                return scored
        z = score.decisions(x, self.coef, self._intercept)
        # A value that is not finite makes each sum not finite that it enters: finite decisions are of finite inputs.
        if not np.isfinite(z).all():
            _check_finite(x)
            row = int(np.argmin(np.isfinite(z).all(axis=1)))
            raise InputError(
                "DECISION_NONFINITE", f"/{row}", "found a decision that overflows binary64, expected a finite one"
            )
        return z, None

    def _labels(self, z: NDArray[np.float64], threshold: float) -> NDArray[Any]:
        if self.link == "softmax":
            return self.classes[np.argmax(z, axis=1)] if len(z) else self.classes[:0]
        # scikit-learn's rule at 0.5: a tiny positive decision is class 1 although p1 rounds to 0.5.
        chosen = z[:, 0] > 0.0 if threshold == 0.5 else score.logistic(z[:, 0])[:, 1] > threshold
        return self.classes[chosen.astype(np.intp)]

    def threshold_in_force(self, threshold: float | None, assay_type: str | None) -> float:
        """The threshold that P7 chooses; 0.5, without meaning, for softmax. Raises InputError THRESHOLD, ASSAY_TYPE."""
        if threshold is not None:
            if self.link == "softmax":
                raise InputError(
                    "THRESHOLD", "threshold", "found a threshold, expected none: this head has more than two classes"
                )
            if not isinstance(threshold, (int, float, np.integer, np.floating)) or not 0 <= threshold <= 1:
                raise InputError("THRESHOLD", "threshold", f"found {threshold!r}, expected a number from 0 to 1")
        if assay_type is not None:
            known = self.assay_thresholds or {}
            if assay_type not in known:
                raise InputError(
                    "ASSAY_TYPE", "assay_type", f"found {assay_type!r}, expected one of: {', '.join(known) or 'none'}"
                )
            return known[assay_type]
        if threshold is None:
            return 0.5 if self.threshold is None else self.threshold
        return float(threshold)


def _matrix(X: ArrayLike, features: int) -> NDArray[np.floating]:
    """X as an (m, features) array of float32 or float64 (P1); whether its values are finite is seen by the decisions."""
    try:
        x = np.asarray(X)
    except ValueError:
        raise InputError("INPUT_SHAPE", "X", "found rows of different lengths, expected a matrix") from None
    # Integers that binary64 holds exactly, as people type them; an int64 matrix is more likely a mistake.
    if x.dtype.kind in "iu" and (not isinstance(X, np.ndarray) or x.dtype.itemsize < 8):
        x = x.astype(np.float64)
    if x.dtype not in (np.float32, np.float64):
        raise InputError("INPUT_DTYPE", "X", f"found {x.dtype}, expected float32 or float64")
    if x.ndim != 2 or x.shape[1] != features:
        hint = "; pass one row as X.reshape(1, -1)" if x.ndim == 1 else ""
        raise InputError("INPUT_SHAPE", "X", f"found shape {x.shape}, expected (rows, {features}){hint}")
    return x


def _check_finite(x: NDArray[np.floating]) -> None:
    """P1. Raises InputError INPUT_NONFINITE."""
    finite = np.isfinite(x)
    if not finite.all():
        row, column = divmod(int(np.argmin(np.ravel(finite))), x.shape[1])
        raise InputError("INPUT_NONFINITE", f"/{row}/{column}", f"found {x[row, column]}, expected a finite value")


def from_bytes(npz: bytes, config: bytes, *, require_verified: bool = False) -> Head:
    """A head from the bytes of its two files, every rule of the specification checked, in its order.

    Raises FormatError.
    """
    for word, data, most in (("config", config, MAX_CONFIG_BYTES), ("npz", npz, MAX_NPZ_BYTES)):
        if len(data) > most:
            raise mismatch("FILE_SIZE", word, f"more than {most} bytes", f"at most {most}")
    parsed = parse_config(bytes(config))
    digest = hashlib.sha256(npz).hexdigest()
    if parsed.version[0] and digest != parsed.members["npz_sha256"]:
        raise mismatch("NPZ_DIGEST", "/npz_sha256", digest, parsed.members["npz_sha256"])
    head = _assemble(parsed, bytes(npz), digest)
    if require_verified and not head.verified:
        raise mismatch("NOT_VERIFIED", "/format", "version 0, which has no digests", "a verified artifact")
    return head


def _assemble(parsed: Config, npz: bytes, digest: str) -> Head:
    major = min(parsed.version[0], 1)
    arrays = read_arrays(read_members(npz), parsed.link, major)
    if major:
        check_agreement(parsed.members, len(arrays.coef), arrays.n_features_in, arrays.classes)
    score.check_environment()
    head = Head(parsed, arrays, npz, digest)
    if major:
        _check_self_test(head, parsed.members)
        head.verified = True
    return head


#: The members of a config that its self-test is bound to (E2).
_BOUND = ("format_version", "min_reader", "link", "decision", "embedding", "golden", "npz_sha256")


def _lines(value: Any) -> Iterator[str | bytes]:
    """A JSON value as lines of the binding (E2)."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield name
            yield from _lines(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _lines(inner)
    elif value is None or isinstance(value, bool):
        yield "null" if value is None else str(value).lower()
    else:
        yield value if isinstance(value, str | bytes) else struct.pack(">d", value).hex()


def self_test_records(
    coef: NDArray[np.floating], intercept: NDArray[np.floating], config: Mapping[Any, Any]
) -> list[dict[str, list[str]]]:
    """E3: what `self_test` must hold for these parameters in a config with these members."""
    return list(_self_test_records(coef, intercept, config))


def _self_test_records(
    coef: NDArray[np.floating], intercept: NDArray[np.floating], config: Mapping[Any, Any]
) -> Iterator[dict[str, list[str]]]:
    binding = hashlib.sha256()
    for line in (line for name in _BOUND for line in _lines(config[name])):
        binding.update(line if isinstance(line, bytes) else line.encode())
        binding.update(b"\n")
    digest = binding.digest()
    inputs = score.self_test_inputs(coef.shape[1], struct.unpack(">8I", digest))
    z = np.concatenate([score.decisions(x, coef, intercept.astype(np.float64)) for x in inputs])
    finite = np.asarray(np.isfinite(z).all(axis=1))
    # Record by record where there are many classes: the working arrays and digits of all eight would take megabytes.
    parts = np.array_split(np.where(finite[:, None], z, 0.0), score.SELF_TESTS if z.size > 4096 else 1)
    p = np.concatenate([score.probabilities(part, config["link"]) for part in parts])
    for j in range(score.SELF_TESTS):
        yield {"decision": score.bits(z[j : j + 1]), "probability": score.bits(p[j : j + 1])}


def _check_self_test(head: Head, members: Mapping[Any, Any]) -> None:
    computed = _self_test_records(head.coef, head.intercept, members)
    for j, (stored, own) in enumerate(zip(members["self_test"], computed, strict=True)):
        for part in ("decision", "probability"):
            where = f"/self_test/{j}/{part}"
            if any(word[0] in "7f" and word[1:3] == "ff" for word in own["decision"]):
                raise mismatch("SELF_TEST", where, own["decision"][0], "a finite decision")
            if stored[part] != own[part]:
                raise mismatch("SELF_TEST", where, " ".join(own[part]), " ".join(stored[part]))


def pair_paths(artifact: str | os.PathLike[str]) -> tuple[Path, Path]:
    """The NPZ and config paths of `PATH/NAME`, `PATH/NAME.npz` or `PATH/NAME_config.json` (R1)."""
    from pathlib import Path

    npz_name, config_name = _pair_names(artifact)
    return Path(npz_name), Path(config_name)


def _pair_names(artifact: str | os.PathLike[str]) -> tuple[str, str]:
    """As `pair_paths`, in text: loading does without pathlib, whose import takes longer than all checks together."""
    text = os.fsdecode(artifact)
    name = text.removesuffix(".npz") if text.endswith(".npz") else text.removesuffix("_config.json")
    return f"{name}.npz", f"{name}_config.json"


def read_start(path: str | Path, word: str, most: int) -> bytes:
    """The bytes of one regular file, or of a larger one the first `most` + 1. Raises FormatError FILE_UNREADABLE."""
    try:
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if stat.S_ISREG(status.st_mode) and os.path.basename(path) not in (".npz", "_config.json"):
                return file.read(min(status.st_size, most) + 1)
    except (OSError, ValueError) as fault:  # ValueError: a path with U+0000
        reason = getattr(fault, "strerror", None) or fault
        raise FormatError("FILE_UNREADABLE", word, f"found no readable file {path} ({reason}), expected one") from None
    raise FormatError("FILE_UNREADABLE", word, f"found {path}, which is no regular file with a name, expected one")


def _open_at_once(path: str, flags: int) -> int:
    """Opening a named pipe would wait for a writer (R1)."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def read_file(path: Path, word: str, most: int) -> bytes:
    """The bytes of one regular file of at most `most`. Raises FormatError FILE_UNREADABLE, FILE_SIZE."""
    data = read_start(path, word, most)
    if len(data) > most:
        raise FormatError("FILE_SIZE", word, f"found more than {most} bytes, expected at most {most}")
    return data


def read_pair(npz_path: str | Path, config_path: str | Path) -> tuple[bytes, bytes]:
    """The bytes of the NPZ and the config, each once, sizes not judged: `from_bytes` does (R1, R2).

    Raises FormatError FILE_UNREADABLE.
    """
    config = read_start(config_path, "config", MAX_CONFIG_BYTES)
    return read_start(npz_path, "npz", MAX_NPZ_BYTES), config


def load(artifact: str | os.PathLike[str], *, require_verified: bool = False) -> Head:
    """Loads `PATH/NAME`, `PATH/NAME.npz` or `PATH/NAME_config.json`.

    Where the digest says that the NPZ is not the config's, both files are read again, up to three times, since a
    writer may be between them. Raises FormatError.
    """
    try:
        return load_pair(*_pair_names(artifact), require_verified=require_verified)
    except FormatError as fault:
        from .pair_files import left_by_a_save

        if fault.code not in ("NPZ_DIGEST", "FILE_UNREADABLE") or not left_by_a_save(*pair_paths(artifact)):
            raise
        remedy = f"a save was interrupted: plmhead repair {os.fsdecode(artifact)}"
        raise FormatError(fault.code, fault.where, fault.message, remedy) from None


def load_pair(npz_path: str | Path, config_path: str | Path, *, require_verified: bool = False) -> Head:
    """As `load`, from the paths of the two files."""
    for pause in PAUSES:
        try:
            return _load_once(npz_path, config_path, require_verified)
        except FormatError as fault:
            if fault.code != "NPZ_DIGEST":
                raise
        time.sleep(pause)
    return _load_once(npz_path, config_path, require_verified)


def _load_once(npz_path: str | Path, config_path: str | Path, require_verified: bool) -> Head:
    return from_bytes(*read_pair(npz_path, config_path), require_verified=require_verified)
