"""`verify`: every check of the specification, the signature where a key is given, and the encoder; `sign` makes one."""

from __future__ import annotations

import argparse
import json
import os
from typing import Any

from ..config import MAX_CONFIG_BYTES
from ..errors import FormatError, InputError, spec_text
from ..head import Head, load, pair_paths, read_file
from .encoding import add_encoder_options, contract_of, encoder_of
from .terminal import add_json_option, compact, printable, show, warn


def run_verify(options: argparse.Namespace) -> int:
    name = pair_paths(options.artifact)[0].stem
    try:
        head = _loaded(options)
        if options.schema:
            _check_schema(options.artifact, head)
        encoder = _check_encoder(head, options)
    except (FormatError, InputError) as fault:
        if not options.json:
            raise
        show({"name": name, "ok": False, "code": fault.code, "where": fault.where, "message": fault.message}, True)
        return 1
    verdict = {"name": name, "ok": True, "format_version": head.format_version, "verified": head.verified}
    show({**verdict, **({"signed": True} if options.public_key else {}), **encoder}, options.json)
    return 0


def _check_encoder(head: Head, options: argparse.Namespace) -> dict[str, Any]:
    """Hold the encoder to the head's contract and golden results, where one is named: what to tell of it.

    Raises InputError: ENCODER, GOLDEN with the likely breach, DEVICE; ImportError.
    """
    if not (options.encoder or options.model):
        return {}
    from ..encode import check_golden, check_rules, random_weights_warning

    encoder = encoder_of(contract_of(head), options)
    warn(random_weights_warning(encoder.name))
    check_rules(encoder, thorough=True)
    difference = check_golden(encoder, head.config, head.coef, head.intercept)
    about = {"encoder": encoder.name, "device": encoder.engine.device, "accuracy": encoder.accuracy}
    return {**about, "largest_golden_difference": difference}


def _loaded(options: argparse.Namespace) -> Head:
    if options.public_key is None:
        return load(options.artifact, require_verified=options.require_verified)
    from ..signing import load_signed

    return load_signed(options.artifact, options.public_key, require_verified=options.require_verified)


def _check_schema(artifact: str, head: Head) -> None:
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        raise ImportError("verify --schema needs jsonschema: pip install 'plmhead[schema]'") from None
    if head.format_version == "0":
        raise FormatError("NOT_VERIFIED", "/format", "found version 0, expected version 1, which has a schema")
    validator = Draft202012Validator(json.loads(spec_text("config.schema.json")))
    config = read_file(pair_paths(artifact)[1], "config", MAX_CONFIG_BYTES)
    for fault in sorted(
        validator.iter_errors(json.loads(config)), key=lambda fault: list(map(str, fault.absolute_path))
    ):
        where = "".join(f"/{part}" for part in fault.absolute_path)
        raise FormatError("FIELD_VALUE", where, f"the schema says: {fault.message[:200]}")


def run_sign(options: argparse.Namespace) -> None:
    from ..signing import sign

    password = os.environ.get("PLMHEAD_KEY_PASSWORD")
    path = sign(options.artifact, options.key, None if password is None else os.fsencode(password))
    npz_path, config_path = pair_paths(options.artifact)
    members = {"signature": str(path), "files": [npz_path.name, config_path.name]}
    text = f"wrote {path}, over {npz_path.name} and {config_path.name}"
    print(compact(members) if options.json else printable(text))


def add(command: Any) -> None:
    """Declares the verbs."""
    verify = command("verify", run_verify, "run every check of the specification")
    verify.add_argument("--public-key", metavar="FILE.pem", help="first check NAME.sig, by this key, over both files")
    verify.add_argument("--require-verified", action="store_true", help="refuse version 0, which has no digests")
    verify.add_argument("--schema", action="store_true", help="also validate the config against the JSON Schema")
    add_encoder_options(
        verify, "also hold this to the contract and the golden results: a shipped encoder, an ONNX file, …"
    )
    verify.add_argument("--json", action="store_true", help="one line, one object")
    sign = command("sign", run_sign, "check a pair and write NAME.sig, a signature over its two files")
    sign.add_argument("--key", required=True, metavar="FILE.pem", help="private key on P-256, P-384 or P-521")
    add_json_option(sign)
