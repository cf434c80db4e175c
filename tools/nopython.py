"""What demo_nopython and bench_predict share: a head with its encoder in a bundle, and the runtimes that predict with it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[1]
RUST = REPOSITORY / "rust-loader/target/encode/release/plmhead"
NODE_CLI = REPOSITORY / "js-loader/src/cli.js"
IN_CHROMIUM = REPOSITORY / "js-loader/test/support/in_chromium.js"
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
DEMO = REPOSITORY / "examples/demo_sequences.csv"
TINY = "plmhead/random-esm2-tiny"

#: (row, label, decision) of each sequence.
Results = list[tuple[int, Any, float]]


# --- Python, before: a head and its bundle -----------------------------------------------------------------------------


def shaped_encoder(name: str, folder: Path) -> Path:
    """NAME.onnx of a published ESM-2's shape with random weights, its entry beside it; written on first use."""
    graph = folder / f"random-esm2-{name}.onnx"
    sidecar = graph.with_suffix(".json")
    if sidecar.exists():
        return graph
    from bench.encode.shapes import SHAPES, checkpoint

    from plmhead.backends.graph import export_onnx
    from plmhead.checkpoint import read_checkpoint

    folder.mkdir(parents=True, exist_ok=True)
    weights = read_checkpoint(checkpoint(SHAPES[name], folder), graph.stem)
    export_onnx(weights, graph)
    entry = {
        "name": f"plmhead/{graph.stem}",
        "file": graph.name,
        "sha256": hashlib.sha256(graph.read_bytes()).hexdigest(),
        "family": "esm2",
        "weights_sha256": None,
        "dimension": SHAPES[name].width,
        "dtype": "float32",
        "accuracy": "exact",
        "max_residues": 1022,
        "note": "random weights of a published shape: not a scientific model",
    }
    sidecar.write_text(json.dumps(entry, indent=2) + "\n", encoding="utf-8")
    return graph


def make_bundle(encoder: str | Path, out: Path) -> Path:
    """Trains a head on the demo's sequences and bundles it with its encoder. Raises CalledProcessError."""
    plmhead = [sys.executable, "-m", "plmhead"]
    bundle = out / "bundle"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    train = ["train", "--data", DEMO, "--encoder", encoder, "--folds", "3", "--out", out / "head"]
    for words in (train, ["bundle", out / "head", "--encoder", encoder, "--out", bundle]):
        subprocess.run(
            [*plmhead, *map(str, words)],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd=REPOSITORY,
        )
    return bundle


# --- without Python ----------------------------------------------------------------------------------------------------


def path_without_python(folder: Path) -> str:
    """A PATH of one folder: links to all programs of the true PATH but Python's."""
    folder.mkdir(parents=True, exist_ok=True)
    for place in os.environ.get("PATH", os.defpath).split(os.pathsep):
        for program in sorted(Path(place).glob("*")) if place else []:
            link = folder / program.name
            if "pyth" not in program.name.lower() and "pypy" not in program.name.lower() and not link.exists():
                link.symlink_to(program)
    for name in ("python", "python3", f"python3.{sys.version_info.minor}"):
        assert shutil.which(name, path=str(folder)) is None, name
    return str(folder)


def environment(path: str) -> dict[str, str]:
    """Little more than the PATH."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR", "CHROMIUM") if name in os.environ}
    return {**kept, "PATH": path}


def of_lines(text: str) -> Results:
    """JSON lines as `plmhead predict` writes them."""
    lines = [json.loads(line) for line in text.splitlines()]
    return [(line["row"], line["label"], line["decision"]) for line in lines]


def run(command: list[object], path: str) -> str:
    """What a program prints. Raises RuntimeError with its complaint."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(path))
    if done.returncode:
        raise RuntimeError(f"{words[0]}: exit code {done.returncode}: {done.stderr.strip()[-500:]}")
    return done.stdout


def node() -> str:
    found = shutil.which("node")
    if found is None:
        raise RuntimeError("node is not installed")
    return found


def by_rust(bundle: Path, table: Path, path: str) -> Results:
    return of_lines(run([RUST, "predict", bundle, table], path))


def by_node(bundle: Path, table: Path, path: str) -> Results:
    return of_lines(run([node(), NODE_CLI, "predict", bundle, table], path))


def by_chromium(bundle: Path, table: Path, path: str) -> Results:
    return of_lines(run([node(), IN_CHROMIUM, bundle, table], path))


@contextlib.contextmanager
def service(bundle: Path, path: str) -> Iterator[str]:
    """The address of a service that runs for the length of the block."""
    command = [str(RUST), "serve", str(bundle), "--listen", "127.0.0.1:0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment(path)) as process:
        try:
            assert process.stdout
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"plmhead serve ended with exit code {process.wait()}")
            yield json.loads(line)["listening"]
        finally:
            process.terminate()


def by_service(bundle: Path, table: Path, path: str) -> Results:
    with service(bundle, path) as address:
        request = urllib.request.Request(
            f"{address}/v1/predict", data=table.read_bytes(), headers={"content-type": "text/csv"}
        )
        with urllib.request.urlopen(request) as answer:
            results = json.load(answer)["results"]
    return [(line["row"], line["label"], line["decision"]) for line in results]


RUNTIMES: dict[str, Callable[[Path, Path, str], Results]] = {
    "Rust": by_rust,
    "Node": by_node,
    "Chromium": by_chromium,
    "service": by_service,
}
