"""What the verbs that take sequences share: the encoder that a head asks for, checked, and its options."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..head import Head
from .terminal import progress, warn


def contract_of(head: Head) -> dict[str, Any]:
    """The embedding contract of a head. Raises InputError ENCODER where it has none."""
    contract: dict[str, Any] | None = head.config.get("embedding")
    if contract is None:
        remedy = "plmhead upgrade" if head.format_version == "0" else "embed them yourself and give the embeddings"
        raise InputError(
            "ENCODER", "/embedding", "found no embedding contract, expected one that says which encoder to use", remedy
        )
    return contract


def embed(head: Head, sequences: list[str], options: argparse.Namespace) -> NDArray[np.float32]:
    """The embeddings of normalised sequences by the head's encoder, which is held to the contract and the golden results.

    Raises InputError ENCODER, GOLDEN, DEVICE, ImportError.
    """
    from ..encode import check_contract, check_golden, random_weights_warning

    contract = contract_of(head)
    encoder = _encoder_of(contract, options)
    warn(random_weights_warning(contract["checkpoint"]))
    check_contract(encoder, contract)
    check_golden(encoder, head.config, head.coef, head.intercept)
    embeddings: NDArray[np.float32] = encoder.embed(sequences, options.batch_size, progress("embedding"))
    return embeddings


def _encoder_of(contract: dict[str, Any], options: argparse.Namespace) -> Any:
    """The encoder that the caller names, else the one that the artifact names; that one is fetched only when allowed."""
    from ..encode import list_encoders, load_encoder

    too_long, checkpoint = contract["too_long"], contract["checkpoint"]
    if options.encoder:
        return load_encoder(options.encoder, too_long=too_long)
    if not options.model and checkpoint in {entry["name"] for entry in list_encoders()}:
        return load_encoder(checkpoint, too_long=too_long)
    from ..esm import ESMEmbeddingExtractor

    return ESMEmbeddingExtractor(
        options.model or checkpoint,
        options.device,
        options.batch_size,
        revision=options.revision or contract["revision"],
        too_long=too_long,
        allow_download=bool(options.model) or options.allow_download,
    )


def add_encoder_options(parser: Any) -> None:
    """The options that say which encoder runs, and where."""
    parser.add_argument("--encoder", metavar="NAME", help="run this in onnxruntime: a shipped encoder, or an ONNX file")
    parser.add_argument("--model", metavar="NAME", help="run this in torch: a hub id or a folder")
    parser.add_argument(
        "--revision", metavar="NAME", help="its branch, tag or commit (default: what the artifact says)"
    )
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or mps (default: the best present)")
    parser.add_argument("--allow-download", action="store_true", help="fetch the checkpoint that the artifact names")
    parser.add_argument(
        "--batch-size", type=int, default=8, metavar="N", help="sequences embedded at a time (default 8)"
    )
