"""Several writers and readers of one pair at once: each reader meets a pair that somebody wrote whole."""

from __future__ import annotations

import hashlib
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import plmhead
from hostile import typical
from plmhead.head import _load_once, pair_paths
from plmhead.pair_files import write_pair

Pair = tuple[bytes, bytes]  # NPZ, config
#: What one load met: the SHA-256 of the NPZ and C of the config; or the code of a refusal.
Met = tuple[str, float] | str

NODE_READER = """
import { createHash } from 'node:crypto'
import { pathToFileURL } from 'node:url'
const [module, name, seconds] = process.argv.slice(1)
const { loadPair } = await import(pathToFileURL(module).href)
const end = Date.now() + 1000 * Number(seconds)
while (Date.now() < end) {
  let met
  try {
    const { npz, head } = loadPair(name)
    met = { npz_sha256: createHash('sha256').update(npz).digest('hex'), C: head.config.C }
  } catch (error) {
    met = { code: error.code ?? String(error) }
  }
  console.log(JSON.stringify(met))
}
"""


class Report(NamedTuple):
    """Of one reader. whole: loads of a pair that was written; mixtures: of another; refused: by code."""

    whole: int
    mixtures: int
    refused: Counter[str]


class Traffic(NamedTuple):
    """saves: done by each writer. refused: what writers were told. left: hidden files in the end. readers: by name."""

    saves: list[int]
    refused: list[str]
    left: list[str]
    readers: dict[str, Report]


def written(count: int = 4) -> list[Pair]:
    """Pairs of different shapes; C, which every loader shows, tells their configs apart."""
    return [_with_c(typical.version_1(16 + 8 * number), number + 1) for number in range(count)]


def _with_c(pair: Pair, number: int) -> Pair:
    npz, config = pair
    body = config[:-86].replace(b'"C": 0.1,', b'"C": %d,' % number)
    return npz, body + b'"config_sha256": "' + hashlib.sha256(body).hexdigest().encode() + b'"\n}\n'


def traffic(folder: Path, seconds: float, rust: Path, node: Path, writers: int = 2) -> Traffic:
    """Writers replace the pair without pause while readers of each language load it, and one that never reads again."""
    pairs, name = written(), folder / "model"
    known = {(hashlib.sha256(npz).hexdigest(), float(number + 1)) for number, (npz, _) in enumerate(pairs)}
    write_pair(*pair_paths(name), *pairs[0])
    readers: dict[str, Callable[[], Iterable[Met]]] = {
        "Python": partial(_python, name, seconds),
        "Rust": partial(_rust, rust, name, seconds),
        "JavaScript": partial(_node, node, name, seconds),
        "one that reads once": partial(_python_once, name, seconds),
    }
    with ProcessPoolExecutor(writers + len(readers), mp_context=get_context("fork")) as pool:
        saving = [pool.submit(_save, name, pairs[turn:] + pairs[:turn], seconds) for turn in range(writers)]
        reading = {word: pool.submit(_report, reader, known) for word, reader in readers.items()}
        saves = [future.result() for future in saving]
        reports = {word: future.result() for word, future in reading.items()}
    plmhead.load(name)
    left = sorted(path.name for path in folder.iterdir() if path.name.startswith("."))
    return Traffic([done for done, _ in saves], [text for _, refused in saves for text in refused], left, reports)


def _save(name: Path, pairs: list[Pair], seconds: float) -> tuple[int, list[str]]:
    done, refused = 0, []
    for _ in _until(seconds):
        try:
            write_pair(*pair_paths(name), *pairs[done % len(pairs)])
            done += 1
        except plmhead.InputError as fault:
            refused.append(str(fault))
    return done, refused


def _until(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield


def _report(reader: Callable[[], Iterable[Met]], known: set[tuple[str, float]]) -> Report:
    met = Counter(reader())
    refused = Counter({what: count for what, count in met.items() if isinstance(what, str)})
    whole = sum(count for what, count in met.items() if what in known)
    return Report(whole, met.total() - whole - refused.total(), refused)


def _python(name: Path, seconds: float, load: Callable[[Path], plmhead.Head] = plmhead.load) -> Iterator[Met]:
    for _ in _until(seconds):
        try:
            head = load(name)
            yield head.npz_sha256, float(head.config["C"])
        except plmhead.FormatError as fault:
            yield fault.code


def _python_once(name: Path, seconds: float) -> Iterator[Met]:
    """For comparison: how often reading again is needed."""
    return _python(name, seconds, lambda name: _load_once(*pair_paths(name), require_verified=False))


def _rust(command: Path, name: Path, seconds: float) -> Iterator[Met]:
    """A process a load: the command line calls the file helper."""
    for _ in _until(seconds):
        done = subprocess.run([command, "inspect", name, "--json"], capture_output=True, text=True)
        yield _met(done.stdout) if done.returncode == 0 else done.stderr.split()[1]


def _node(module: Path, name: Path, seconds: float) -> Iterator[Met]:
    command = ["node", "--input-type=module", "-e", NODE_READER, module, name, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return map(_met, done.stdout.splitlines())


def _met(line: str) -> Met:
    members = json.loads(line)
    return members["code"] if "code" in members else (members["npz_sha256"], float(members["C"]))
