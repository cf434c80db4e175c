"""The `plmhead` command (docs/command-line.md): its options and its exit codes. What the verbs do is in commands.py."""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from typing import Any

from . import __version__, commands
from .commands import SMALL_ENCODER
from .errors import FormatError, InputError
from .settings import KEYS


def main(arguments: list[str] | None = None) -> int:
    """Runs one command; the exit code is 0, 1 (refused) or 2 (the command line is wrong)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")  # JSON is UTF-8, whatever the locale says
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        code = int(options.run(options) or 0)
        sys.stdout.flush()
        return code
    except (FormatError, InputError) as fault:
        print(f"plmhead: {_printable(str(fault))}", file=sys.stderr)
        return 2 if fault.code == "ARGUMENT" else 1
    except (UnicodeEncodeError, OSError) as fault:
        if isinstance(fault, BrokenPipeError):
            # The reader went away (| head): point stdout elsewhere so that the interpreter's last flush is silent.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"plmhead: OUTPUT: cannot write the output: {fault}", file=sys.stderr)
        return 1
    except ImportError as fault:
        missing = (fault.name or "").startswith("sklearn")
        text = "training needs scikit-learn: pip install 'plmhead[train]'" if missing else fault
        print(f"plmhead: {text}", file=sys.stderr)
        return 1


def _printable(text: str) -> str:
    """The text with control characters escaped: names from a hostile file must not steer the terminal."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def _decimal(text: str) -> float:
    """A threshold as every language's command line reads it."""
    if not re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text):
        raise argparse.ArgumentTypeError(f"found {text!r}, expected a decimal number")
    return float(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="plmhead",
        allow_abbrev=False,
        description="Portable classifier heads on protein language model embeddings.",
    )
    parser.add_argument("--version", action="version", version=f"plmhead {__version__}")
    verbs = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str, artifact: bool = True) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, help=text, description=text, allow_abbrev=False)
        if artifact:
            sub.add_argument("artifact", metavar="ARTIFACT", help="PATH/NAME, PATH/NAME.npz or PATH/NAME_config.json")
        sub.set_defaults(run=run)
        return sub

    inspect = command("inspect", commands.run_inspect, "show what an artifact holds")
    inspect.add_argument("--json", action="store_true", help="one line, one object")
    verify = command("verify", commands.run_verify, "run every check of the specification")
    verify.add_argument("--require-verified", action="store_true", help="refuse version 0, which has no digests")
    verify.add_argument("--schema", action="store_true", help="also validate the config against the JSON Schema")
    verify.add_argument("--json", action="store_true", help="one line, one object")
    scoring = command("score", commands.run_score, "score embeddings, one JSON object a row")
    scoring.add_argument("x", metavar="X.npy", help="float32 or float64, shape (rows, n_features_in)")
    _add_threshold_options(scoring)
    scoring.add_argument("--out", metavar="FILE", help="instead of standard output")
    _add_train_options(command("train", commands.run_train, "embed, cross-validate, fit and save", artifact=False))
    predict = command("predict", commands.run_predict, "score sequences")
    predict.add_argument("--data", required=True, metavar="FILE", help="CSV with a column sequence, or FASTA")
    predict.add_argument("--out", metavar="FILE.csv", help="instead of standard output")
    predict.add_argument(
        "--encoder", metavar="NAME", help="run this in onnxruntime: a shipped encoder, or an ONNX file"
    )
    predict.add_argument("--model", metavar="NAME", help="run this in torch: a hub id or a folder")
    predict.add_argument(
        "--revision", metavar="NAME", help="its branch, tag or commit (default: what the artifact says)"
    )
    predict.add_argument("--device", metavar="NAME", help="cpu, cuda or mps (default: the best present)")
    predict.add_argument("--allow-download", action="store_true", help="fetch the checkpoint that the artifact names")
    _add_threshold_options(predict)
    predict.add_argument("--sequence-column", default="sequence", metavar="NAME")
    predict.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="sequences embedded at a time (default 8)"
    )
    upgraded = command("upgrade", commands.run_upgrade, "write a version 0 pair as version 1")
    upgraded.add_argument("output", metavar="OUTPUT", help="PATH/NAME of the new pair")
    upgraded.add_argument("--family", choices=("esm1b", "esm1v", "esm2"), help="where the model's name does not say it")
    amended = command("amend", commands.run_amend, "change members of the config and seal it again")
    amended.add_argument(
        "--set", action="append", default=[], metavar="POINTER=JSON", help="such as /training/dataset='\"boughter\"'"
    )
    amended.add_argument("--remove", action="append", default=[], metavar="POINTER")
    command("seal", commands.run_seal, "make a valid artifact of numpy.savez arrays and a minimal config")
    command(
        "testee", commands.run_testee, "speak the conformance protocol on standard input and output", artifact=False
    )
    return parser


def _add_threshold_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threshold", type=_decimal, metavar="T", help="label 1 above this probability")
    parser.add_argument("--assay-type", metavar="NAME", help="use the threshold stored for this assay")


def _add_train_options(parser: argparse.ArgumentParser) -> None:
    parser.usage = (
        "plmhead train (--data FILE.csv | --embeddings X.npy --labels FILE.csv | --config FILE.yaml) [options]"
    )
    source = parser.add_argument_group("from what")
    source.add_argument("--config", metavar="FILE.yaml", help="a configuration; the options below override it")
    source.add_argument("--data", metavar="FILE.csv", help="columns sequence and label")
    source.add_argument("--sequence-column", metavar="NAME", help="default sequence")
    source.add_argument("--label-column", metavar="NAME", help="default label")
    source.add_argument(
        "--embeddings", metavar="X.npy", help="embeddings made elsewhere, instead of --data; needs --labels"
    )
    source.add_argument("--labels", metavar="FILE.csv", help="a column label, one row an embedding")
    encoder = parser.add_argument_group("with which encoder")
    encoder.add_argument(
        "--model", metavar="NAME", help="an ESM checkpoint, hub id or folder, run by torch (plmhead[torch])"
    )
    encoder.add_argument("--revision", metavar="NAME", help="its branch, tag or commit")
    encoder.add_argument("--device", metavar="NAME", help="cpu, cuda or mps (default: the best present)")
    encoder.add_argument(
        "--encoder",
        metavar="NAME",
        help=f"without --model: run by onnxruntime; default {SMALL_ENCODER}, random weights",
    )
    encoder.add_argument(
        "--too-long", choices=("error", "truncate"), help="sequences beyond 1,022 residues (default error)"
    )
    encoder.add_argument("--batch-size", type=int, metavar="N", help="sequences embedded at a time (default 8)")
    encoder.add_argument("--embeddings-out", metavar="X.npy", help="also write the embeddings")
    fit = parser.add_argument_group("how to fit")
    fit.add_argument("--C", type=float, help="inverse regularisation strength (default 1.0)")
    fit.add_argument("--max-iter", type=int, metavar="N", help="default 1000")
    fit.add_argument("--solver", help="default lbfgs")
    fit.add_argument("--class-weight", choices=("balanced",))
    fit.add_argument(
        "--standardize", action="store_true", default=None, help="scale features; the scaler is folded into the head"
    )
    fit.add_argument("--seed", type=int, metavar="N", help="random_state of the folds and the solver (default 42)")
    fit.add_argument("--folds", type=int, metavar="N", help="default 10")
    what = parser.add_argument_group("what to write")
    what.add_argument(
        "--out", metavar="PATH/NAME", help="the pair to write (default model; with --config what it says)"
    )
    what.add_argument("--threshold", type=_decimal, metavar="T", help="stored decision threshold (default 0.5)")
    what.add_argument("--assay-threshold", action="append", metavar="NAME=T", help="stored threshold of an assay")
    what.add_argument("--assay-type", metavar="NAME", help="noted in the config")
    what.add_argument("--fragment-type", metavar="NAME", help="noted in the config, such as VH")
    what.add_argument("--dataset", metavar="NAME", help="noted in the config (default: the data file's name)")
    keys = parser.add_argument_group("every key of a configuration")
    for name, key in KEYS.items():
        keys.add_argument(f"--{name}", dest=name, default=argparse.SUPPRESS, metavar="VALUE", help=key.help)


if __name__ == "__main__":
    sys.exit(main())
