"""Many Parquet shards on many machines: Ray Data hands them out, `batch.score` does the work.

A shard is an input file. Its scores, part-NNNNN.parquet, and its record, part-NNNNN.json, are written under their names when
complete; the record binds them to the digests of input, model and options. A shard whose record fits is not worked on again:
whatever dies, worker, node or driver, the same call goes on. All machines see the same folders.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from . import __version__
from .batch import COLUMNS, Columns, model_digest, open_model
from .batch_files import score_file
from .errors import FormatError, InputError
from .whole_file import replaced


class Job(NamedTuple):
    """What is done to each shard: all that a worker must know. `sequences` false: embeddings come in."""

    model: str
    out: str
    encoder: str | None = None
    encoder_options: dict[str, Any] = {}  # noqa: RUF012, never changed
    sequences: bool = True
    columns: Columns = COLUMNS
    threshold: float | None = None
    assay_type: str | None = None
    embeddings: bool = False

    def identity(self) -> dict[str, Any]:
        """What decides the scores beside the input, as JSON has it. Raises OSError."""
        members = self._asdict()
        members.update(columns=self.columns._asdict(), model=model_digest(self.model), plmhead=__version__)
        del members["out"]
        found: dict[str, Any] = json.loads(json.dumps(members, default=str))
        return found


class Summary(NamedTuple):
    """What a run did. `kept` shards were there already; `failed` are (input, what went wrong) of shards that gave no scores."""

    shards: int
    kept: int
    rows: int
    errors: int
    failed: list[tuple[str, str]]


class ShardScorer:
    """An actor of Ray Data: opens the model once, then scores one shard a call."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.key = key_of(job)
        self.scoring = open_model(job.model, job.encoder, sequences=job.sequences, **job.encoder_options)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[Any]]:
        records = [
            self.shard(int(number), str(path)) for number, path in zip(batch["number"], batch["path"], strict=True)
        ]
        return {name: [record[name] for record in records] for name in records[0]}

    def shard(self, number: int, path: str) -> dict[str, Any]:
        """The record of a shard, scored now or earlier. What a shard raises is its status, and no other shard's."""
        started = time.time()
        out = Path(self.job.out) / f"part-{number:05}.parquet"
        about = {"number": number, "input": path, "worker": f"{os.uname().nodename}:{os.getpid()}"}
        try:
            digest = _sha256(Path(path))
            earlier = finished(out, self.key, digest)
            if earlier is not None:
                return {**earlier, **about, "status": "kept", "started": started, "ended": time.time()}
            scored = score_file(
                path, out, self.scoring, columns=self.job.columns, threshold=self.job.threshold,
                assay_type=self.job.assay_type, embeddings=self.job.embeddings,
            )  # fmt: skip
            done = {
                **scored._asdict(),
                "input_sha256": digest,
                "key": self.key,
                "output_sha256": _sha256(out),
                "fault": "",
            }
        except (InputError, FormatError, OSError) as fault:
            blank = {"rows": 0, "errors": 0, "warnings": 0, "input_sha256": "", "key": self.key, "output_sha256": ""}
            return {**blank, "fault": str(fault), **about, "status": "failed", "started": started, "ended": time.time()}
        with replaced(out.with_suffix(".json"), durable=True) as file:
            file.write(json.dumps({**done, "input": Path(path).name, "status": "done"}, indent=1).encode() + b"\n")
        return {**done, **about, "status": "done", "started": started, "ended": time.time()}


def score_shards(
    inputs: Sequence[str | os.PathLike[str]],
    job: Job,
    *,
    workers: int = 1,
    gpus: float = 0,
    cpus: float = 1,
    on_record: Callable[[dict[str, Any]], None] | None = None,
) -> Summary:
    """Score Parquet, CSV or FASTA files on a Ray cluster, a part of `job.out` for each, and `manifest.json` over all.

    `workers` actors at most hold the model, each with `gpus` GPUs and `cpus` processors; where nodes are lost, as many as
    are left room for go on. `on_record` gets each shard's record as it is done. Call it again after whatever has stopped
    it: shards whose input, model and options are the same are kept. A shard that fails leaves the others alone.

    Raises InputError: ARGUMENT for no inputs or two of one name, RESUME where `job.out` holds parts of another model, other
    options or other inputs; ImportError without Ray.
    """
    ray_data = import_ray()
    names = [Path(path).name for path in inputs]
    if not names or workers < 1:
        raise InputError(
            "ARGUMENT", "inputs", f"found {len(names)} inputs and {workers} workers, expected at least one of each"
        )
    begin(job, names)
    context = ray_data.DataContext.get_current()
    context.enable_progress_bars = False
    shards = [{"number": number, "path": os.path.abspath(path)} for number, path in enumerate(inputs)]
    # At least one, not all: an actor of a lost node then gives up its place, and its shards go to those that are left.
    records = ray_data.from_items(shards, override_num_blocks=len(shards)).map_batches(
        ShardScorer, fn_constructor_args=(job._replace(model=os.path.abspath(job.model), out=os.path.abspath(job.out)),),
        batch_size=1, compute=ray_data.ActorPoolStrategy(min_size=1, max_size=workers), num_gpus=gpus, num_cpus=cpus,
    )  # fmt: skip
    found: dict[int, dict[str, Any]] = {}
    for record in records.iter_rows():
        found[record["number"]] = record
        if on_record:
            on_record(record)
    return _ended(job, names, [found[number] for number in range(len(shards))])


def begin(job: Job, names: Sequence[str]) -> None:
    """Binds the folder to the job and its inputs. Raises InputError RESUME, OUTPUT."""
    wanted = {"key": key_of(job), "job": job.identity(), "inputs": list(names)}
    path = Path(job.out) / "manifest.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _write_json(path, {**wanted, "status": "begun"})
            return
        earlier = _read_json(path) or {}
    except OSError as fault:
        raise InputError("OUTPUT", job.out, f"cannot be written: {fault.strerror}") from None
    for member in ("job", "inputs"):
        if earlier.get(member) != wanted[member]:
            remedy = "name another folder, or remove this one to begin anew"
            raise InputError(
                "RESUME", job.out, f"found parts of {_difference(earlier.get(member), wanted[member], member)}", remedy
            )


def finished(out: Path, key: str, input_sha256: str) -> dict[str, Any] | None:
    """The record of a part that is there, whole, and of this input, model and options; None otherwise."""
    record = _read_json(out.with_suffix(".json"))
    if record is None or (record.get("key"), record.get("input_sha256")) != (key, input_sha256) or not out.exists():
        return None
    return record if record.get("output_sha256") == _sha256(out) else None


def key_of(job: Job) -> str:
    """The digest of all that decides the scores beside the input."""
    return hashlib.sha256(json.dumps(job.identity(), sort_keys=True).encode()).hexdigest()


def import_ray() -> Any:
    """The module ray.data. Raises ImportError with the line that brings it."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import ray.data
    except ImportError as fault:
        raise ImportError("a cluster needs Ray: pip install 'plmhead[ray]'") from fault
    return ray.data


def _ended(job: Job, names: list[str], records: list[dict[str, Any]]) -> Summary:
    members = ("input_sha256", "output_sha256", "rows", "errors", "warnings", "fault")
    shards = [
        {
            "input": name,
            "part": f"part-{record['number']:05}.parquet",
            "status": "failed" if record["status"] == "failed" else "done",
            **{member: record[member] for member in members},
        }
        for name, record in zip(names, records, strict=True)
    ]
    failed = [(record["input"], record["fault"]) for record in records if record["status"] == "failed"]
    status = "failed" if failed else "done"
    whole = {"key": key_of(job), "job": job.identity(), "inputs": names, "status": status, "shards": shards}
    _write_json(Path(job.out) / "manifest.json", whole)
    kept = sum(record["status"] == "kept" for record in records)
    return Summary(
        len(records), kept, sum(each["rows"] for each in records), sum(each["errors"] for each in records), failed
    )


def _difference(earlier: Any, wanted: Any, member: str) -> str:
    if isinstance(earlier, dict) and isinstance(wanted, dict):
        for name in wanted:
            if earlier.get(name) != wanted[name]:
                return f"{name} {str(earlier.get(name))[:80]}, expected {str(wanted[name])[:80]}"
    return f"other {member}"


def _write_json(path: Path, value: dict[str, Any]) -> None:
    with replaced(path, durable=True) as file:
        file.write(json.dumps(value, indent=1).encode() + b"\n")


def _read_json(path: Path) -> dict[str, Any] | None:
    """The object of a file; None where there is none, or a damaged one."""
    try:
        value = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
