"""`embed`: sequences in, a file of embeddings out, in shards that a kill does not lose."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

from ..errors import InputError
from .terminal import add_json_option, show, warn

STANDARD_INPUT = "-"


def run_embed(options: argparse.Namespace) -> None:
    from ..embed import Settings, embed_file
    from ..encode import load_encoder, random_weights_warning

    source, stream = _source(options)
    settings = Settings(
        on_error=options.on_error,
        shard_size=options.shard_size,
        batch_size=options.batch_size,
        cache=None if options.cache is None else Path(options.cache),
    )
    encoder = load_encoder(
        options.encoder,
        backend=options.backend,
        device=options.device,
        precision=options.precision,
        too_long=options.too_long,
        allow_download=True,  # the caller named it
        revision=options.revision,
    )
    warn(random_weights_warning(encoder.name))
    with _Line() as line:
        progress = line.tell if sys.stderr.isatty() else None
        summary = embed_file(source, Path(options.out), encoder, settings, stream=stream, progress=progress, warn=warn)
    if summary.bad:
        what = "left out" if options.on_error == "skip" else "without an embedding"
        warn(f"{summary.bad} of {summary.records} records are {what}: {options.out}.errors.csv says why")
    show(summary._asdict(), options.json)


def _source(options: argparse.Namespace) -> tuple[Any, Any]:
    """The source that the options name, and the stream to read first where it is standard input."""
    from ..embed.records import Source, format_of

    name = options.input
    kind = options.format or (None if name == STANDARD_INPUT else format_of(name))
    if kind is None:
        found = "standard input" if name == STANDARD_INPUT else f"the suffix {Path(name).suffix!r}"
        raise InputError(
            "ARGUMENT", "--format", f"found {found} and no format, expected --format fasta, csv or parquet"
        )
    columns = {"sequence_column": options.sequence_column, "id_column": options.id_column}
    if name == STANDARD_INPUT:
        return Source(Path(), "standard input", kind, **columns), sys.stdin.buffer
    return Source(Path(name), Path(name).name, kind, **columns), None


class _Line:
    """A line of a terminal that says how far the work is, ten times a second at most, and that is gone at its end."""

    def __init__(self) -> None:
        self._what = ""
        self._started = self._shown = 0.0
        self._width = 0

    def __enter__(self) -> _Line:
        return self

    def __exit__(self, *_: object) -> None:
        if self._width:
            print("\r" + " " * self._width + "\r", end="", file=sys.stderr, flush=True)

    def tell(self, what: str, done: int, total: int | None, unworked: int) -> None:
        """As `embed.Progress`."""
        now = time.monotonic()
        if what != self._what:
            self._what, self._started, self._shown = what, now, 0.0
        if now - self._shown < 0.1 and done != total:
            return
        self._shown = now
        text = f"{what}: {progress_text(done, total, unworked, now - self._started)}"
        print(f"\r{text:{self._width}}", end="", file=sys.stderr, flush=True)
        self._width = len(text)


def progress_text(done: int, total: int | None, unworked: int, seconds: float) -> str:
    """How many are done of how many, the rate of those that took work, and the time that the others will take."""
    rate = (done - unworked) / seconds if seconds > 0 else 0.0
    text = f"{done:,}" if total is None else f"{done:,} of {total:,}"
    if rate > 0:
        text += f", {rate:,.0f} a second" if rate >= 10 else f", {rate:.2g} a second"
        if total is not None:
            text += f", {duration((total - done) / rate)} left"
    return text


def duration(seconds: float) -> str:
    """Hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def add(command: Any) -> None:
    """Declares the verb."""
    from ..backends import BACKENDS, PRECISIONS
    from ..embed.records import FORMATS
    from ..embed.run import ON_ERROR, SHARD_SIZE

    parser = command("embed", run_embed, "embed many sequences into a file, and go on after a stop", artifact=False)
    parser.add_argument("input", metavar="FILE", help="FASTA, CSV or Parquet; - is standard input")
    parser.add_argument(
        "--encoder",
        required=True,
        metavar="NAME",
        help="a shipped encoder, an ONNX file, a checkpoint's folder or hub id",
    )
    parser.add_argument("-o", "--out", required=True, metavar="OUTPUT", help="FILE.parquet or FILE.npy")
    parser.add_argument("--format", choices=FORMATS, help="of the input (default: what its suffix says)")
    parser.add_argument("--sequence-column", default="sequence", metavar="NAME")
    parser.add_argument("--id-column", metavar="NAME", help="default id, where there is one")
    parser.add_argument("--on-error", choices=ON_ERROR, default="stop", help="what a bad sequence does (default stop)")
    parser.add_argument(
        "--too-long",
        choices=("error", "truncate"),
        default="error",
        help="sequences beyond 1,022 residues (default error)",
    )
    parser.add_argument("--backend", choices=tuple(BACKENDS), help="what runs the encoder (default: what suits)")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or mps (default: the best present)")
    parser.add_argument("--precision", choices=PRECISIONS, default="exact", help="accuracy class (default exact)")
    parser.add_argument("--revision", metavar="NAME", help="of a hub id: branch, tag or commit")
    parser.add_argument("--cache", metavar="FOLDER", help="keep vectors here, and use those of earlier runs")
    parser.add_argument(
        "--shard-size",
        type=int,
        default=SHARD_SIZE,
        metavar="N",
        help=f"records that a kill may lose (default {SHARD_SIZE})",
    )
    parser.add_argument(
        "--batch-size",
        type=int,
        metavar="N",
        help="the most sequences of a batch (default: as many as suit the device)",
    )
    add_json_option(parser)
