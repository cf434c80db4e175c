"""Every single bit of a typical pair, flipped: `python -m hostile.tamper --testee "program" [--testee ...]`.

First as it is: each flip must be refused. Then with the digests recomputed (CRC-32, npz_sha256, config_sha256), as whoever made
the flip on purpose would: what a loader then accepts must not touch an array, a threshold or the embedding contract.
The last line is `tamper: bits B, undetected U`; exit 0 only where U is 0.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import struct
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from conformance.protocol import TesteeError
from conformance.zip_bytes import CENTRAL, END, LOCAL

from plmhead.config import ROOT_FIELDS

from . import typical
from .judge import ACCEPTED, Judge, Pair

SEAL_BYTES = 86


class Flip(NamedTuple):
    file: str  # "npz" or "config"
    bit: int

    def of(self, pair: Pair) -> Pair:
        npz, config = pair
        return (flipped(npz, self.bit), config) if self.file == "npz" else (npz, flipped(config, self.bit))


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def flips(pair: Pair, step: int = 1) -> Iterator[Flip]:
    """Every `step`-th bit of both files."""
    for file, data in zip(("npz", "config"), pair, strict=True):
        for bit in range(0, 8 * len(data), step):
            yield Flip(file, bit)


# Recomputing the digests


class Span(NamedTuple):
    start: int
    end: int
    name: str


def spans(npz: bytes) -> list[Span]:
    """The fields of a well-formed NPZ, in the order of the file: `central.made_by`, `coef.npy header`, `coef.npy data` and so on."""
    found: list[Span] = []

    def header(at: int, part: str, layout: tuple[tuple[str, int], ...]) -> dict[str, int]:
        values = {}
        for name, size in layout:
            found.append(Span(at, at + size, f"{part}.{name}"))
            values[name] = int.from_bytes(npz[at : at + size], "little")
            at += size
        return values

    def text(at: int, length: int, name: str) -> int:
        if length:
            found.append(Span(at, at + length, name))
        return at + length

    sizes = dict(LOCAL)
    at = 0
    while npz[at : at + 4] == b"PK\x03\x04":
        local = header(at, "local", LOCAL)
        at = text(at + sum(sizes.values()), local["name_length"], "local.name")
        member = npz[at - local["name_length"] : at].decode()
        size = local["size"] if not local["extra_length"] else struct.unpack_from("<Q", npz, at + 4)[0]
        at = text(at, local["extra_length"], "local.extra")
        at = text(text(at, 128, f"{member} header"), size - 128, f"{member} data")
    while npz[at : at + 4] == b"PK\x01\x02":
        central = header(at, "central", CENTRAL)
        at = text(at + sum(size for _, size in CENTRAL), central["name_length"], "central.name")
    header(at, "end", END)
    return found


def resealer(pair: Pair) -> Callable[[Pair], Pair]:
    """A function that recomputes the three digests of a pair whose layout is that of `pair`, and leaves all else as it is."""
    npz_spans = spans(pair[0])
    members = [(span.start - 128, span.end) for span in npz_spans if span.name.endswith(".npy data")]
    crcs = [span.start for span in npz_spans if span.name == "local.crc"]
    central = [span.start for span in npz_spans if span.name == "central.crc"]

    def reseal(changed: Pair) -> Pair:
        npz, config = bytearray(changed[0]), changed[1]
        for (start, end), *places in zip(members, crcs, central, strict=True):
            crc = zlib.crc32(npz[start:end]).to_bytes(4, "little")
            for place in places:
                npz[place : place + 4] = crc
        digest = hashlib.sha256(npz).hexdigest().encode()
        config = re.sub(rb'("npz_sha256": ")[0-9a-f]{64}"', rb"\g<1>" + digest + b'"', config)
        return bytes(npz), resealed(config)

    return reseal


def resealed(config: bytes) -> bytes:
    """The config with its seal computed anew where it ends as a sealed one does."""
    body, seal = config[:-SEAL_BYTES], config[-SEAL_BYTES:]
    if not seal.startswith(b'"config_sha256": "'):
        return config
    return body + seal[:18] + hashlib.sha256(body).hexdigest().encode() + seal[82:]


# What an accepted flip touched

RESTORED = "a digest, which resealing restores"
SPELLING = "spelling, no value"
AND = " and "  # between two fields that one flip touched


def touched(before: Pair, after: Pair, flip: Flip, places: list[Span]) -> str:
    """The field that a flip changed: a span of the NPZ, or the members of the config whose values differ."""
    if before == after:
        return RESTORED
    if flip.file == "npz":
        return next(span.name for span in places if span.start <= flip.bit // 8 < span.end)
    old, new = json.loads(before[1]), json.loads(after[1])
    pointers = {member(name) for name in different(old, new, "")} - {"/config_sha256"}
    return AND.join(sorted(pointers)) or SPELLING


def different(before: object, after: object, pointer: str) -> Iterator[str]:
    """The pointers of what differs; a list counts as one value."""
    if isinstance(before, dict) and isinstance(after, dict):
        for name in before.keys() | after.keys():
            yield from different(before.get(name, ...), after.get(name, ...), f"{pointer}/{name}")
    elif type(before) is not type(after) or before != after:
        yield pointer


def member(pointer: str) -> str:
    """The member of the root; of `decision` and `embedding` the member inside. A name that no version has is `/…`."""
    parts = pointer.split("/")[1:]
    if parts[0] not in {field.name for field in ROOT_FIELDS}:
        return "/…"
    return "/" + "/".join(parts[:2] if parts[0] in ("decision", "embedding") else parts[:1])


# The rule

FREE = {"central.made_by", "central.internal", "central.external"}  # SPEC section 8, after Z9
# What a member records of the past: no score, no label and no encoder follows from it.
DESCRIPTIVE = {
    "/sklearn_version", "/C", "/penalty", "/l1_ratio", "/solver", "/class_weight", "/max_iter", "/random_state",
    "/esm_revision", "/batch_size", "/device", "/metrics", "/training", "/extensions",
}  # fmt: skip
ALLOWED = FREE | DESCRIPTIVE | {RESTORED, SPELLING}
# Version 0 has no embedding contract that its esm_model could belie, and ignores members that it does not know.
ALLOWED_0 = ALLOWED | {"/esm_model", "/…"}


class Run(NamedTuple):
    """One way to tamper: what it is, the pair, whether digests are recomputed, what accepted flips may touch (None: anything)."""

    title: str
    pair: Pair
    reseal: bool
    allowed: set[str] | None


def runs(pair: Pair) -> list[Run]:
    old = typical.version_0(pair)
    return [
        Run("version 1", pair, False, set()),
        Run("version 1, digests recomputed", pair, True, ALLOWED),
        Run("version 0", old, False, ALLOWED_0),
        # Its only digest is the CRC-32: without it nothing guards a value. Shown, not judged.
        Run("version 0, CRC-32 recomputed (no promise)", old, True, None),
    ]


def permitted(touched: str, allowed: set[str]) -> bool:
    return set(touched.split(AND)) <= allowed


class Result(NamedTuple):
    """Of one run of one loader."""

    verdicts: list[str]
    accepted: Counter[str]  # by the field touched

    def undetected(self, allowed: set[str] | None) -> int:
        return 0 if allowed is None else sum(n for field, n in self.accepted.items() if not permitted(field, allowed))


def judge(run: Run, loader: Judge, step: int) -> Result:
    reseal = resealer(run.pair) if run.reseal else lambda pair: pair
    chosen, places = list(flips(run.pair, step)), spans(run.pair[0])
    verdicts = list(loader.verdicts(reseal(flip.of(run.pair)) for flip in chosen))
    accepted: Counter[str] = Counter()
    for flip, verdict in zip(chosen, verdicts, strict=True):
        if verdict == ACCEPTED:
            accepted[touched(run.pair, reseal(flip.of(run.pair)), flip, places)] += 1
    return Result(verdicts, accepted)


# The command


def table(title: str, results: dict[str, Result], allowed: set[str] | None) -> Iterator[str]:
    """A line a field that some accepted flip touched: bits by loader, and whether the rule allows it."""
    count = len(next(iter(results.values())).verdicts)
    accepted = ", ".join(f"{sum(result.accepted.values())} by {name}" for name, result in results.items())
    yield f"{title}: {count} flips; accepted {accepted}"
    for field in sorted(set().union(*(result.accepted for result in results.values()))):
        mark = "" if allowed is None else "allowed" if permitted(field, allowed) else "UNDETECTED"
        bits = " ".join(f"{result.accepted[field]:6}" for result in results.values())
        yield f"  {bits}  {field:42} {mark}".rstrip()


def disagreements(results: Iterable[Result]) -> int:
    """Flips on which two loaders give different verdicts."""
    return sum(len(set(verdicts)) > 1 for verdicts in zip(*(result.verdicts for result in results), strict=True))


def tamper(commands: list[str], step: int, pair: Pair, say: Callable[[str], None] = print) -> tuple[int, int, int]:
    """(bits judged a loader, undetected over all loaders, disagreements). Raises TesteeError."""
    bits = undetected = differing = 0
    for run in runs(pair):
        with contextlib.ExitStack() as stack, ThreadPoolExecutor() as pool:
            loaders = [stack.enter_context(Judge(command)) for command in commands]
            found = list(pool.map(lambda loader, run=run: judge(run, loader, step), loaders))
        for line in table(
            run.title, {loader.name: result for loader, result in zip(loaders, found, strict=True)}, run.allowed
        ):
            say(line)
        bits += 0 if run.allowed is None else len(found[0].verdicts)
        undetected += sum(result.undetected(run.allowed) for result in found)
        differing += disagreements(found)
    return bits, undetected, differing


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m hostile.tamper", description=__doc__.split("`")[0])
    parser.add_argument(
        "--testee", action="append", required=True, help="a program that speaks the conformance protocol"
    )
    parser.add_argument("--step", type=int, default=1, help="flip only every so-manyth bit")
    options = parser.parse_args(arguments)
    try:
        bits, undetected, differing = tamper(options.testee, options.step, typical.version_1())
    except TesteeError as error:
        print(f"tamper: {error}", file=sys.stderr)
        return 2
    if differing:
        print(f"tamper: {differing} flips on which loaders disagree")
    print(f"tamper: bits {bits}, undetected {undetected}")
    return 1 if undetected or differing else 0


if __name__ == "__main__":
    sys.exit(main())
