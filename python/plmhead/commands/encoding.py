"""What the verbs that take sequences share: the encoder that a head asks for, checked, and its options."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backends import BACKENDS, PRECISIONS
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
    from ..encode import check_golden, random_weights_warning

    encoder = encoder_of(contract_of(head), options)
    warn(random_weights_warning(encoder.name))
    check_golden(encoder, head.config, head.coef, head.intercept)
    embeddings: NDArray[np.float32] = encoder.embed(sequences, options.batch_size, progress("embedding"))
    return embeddings


def encoder_of(contract: dict[str, Any], options: argparse.Namespace) -> Any:
    """The encoder that the caller names, else the one that the artifact names; that one is fetched only when allowed.

    It states what `contract` states. Raises InputError ENCODER, DEVICE, ImportError.
    """
    from ..encode import check_contract, load_encoder

    named = options.encoder or options.model
    encoder = load_encoder(
        named or contract["checkpoint"],
        backend=options.backend or ("torch" if options.model else None),
        device=options.device,
        precision=options.precision,
        too_long=contract["too_long"],
        allow_download=bool(named) or options.allow_download,
        revision=options.revision or contract["revision"],
        batch_size=options.batch_size,
    )
    check_contract(encoder, contract)
    return encoder


def add_encoder_options(
    parser: Any, encoder: str = "run this: a shipped encoder, an ONNX file, a folder or a hub id"
) -> None:
    """The options that say which encoder runs, and where."""
    parser.add_argument("--encoder", metavar="NAME", help=encoder)
    parser.add_argument("--model", metavar="NAME", help="run this in torch: a hub id or a folder")
    parser.add_argument(
        "--revision", metavar="NAME", help="its branch, tag or commit (default: what the artifact says)"
    )
    parser.add_argument("--backend", choices=BACKENDS, help="default: what suits the encoder and the precision")
    parser.add_argument("--device", metavar="NAME", help="cpu, cuda or mps (default: the best present)")
    parser.add_argument("--precision", choices=PRECISIONS, default="exact", help="float32, or faster in bfloat16")
    parser.add_argument("--allow-download", action="store_true", help="fetch the checkpoint that the artifact names")
    parser.add_argument(
        "--batch-size", type=int, metavar="N", help="most sequences of a batch (default: as many as suit the device)"
    )
