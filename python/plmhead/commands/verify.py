"""`verify`: every check of the specification."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ..config import MAX_CONFIG_BYTES
from ..errors import FormatError, spec_text
from ..head import Head, load, pair_paths, read_file
from .terminal import show


def run_verify(options: argparse.Namespace) -> int:
    name = pair_paths(options.artifact)[0].stem
    try:
        head = load(options.artifact, require_verified=options.require_verified)
        if options.schema:
            _check_schema(options.artifact, head)
    except FormatError as fault:
        if not options.json:
            raise
        show({"name": name, "ok": False, "code": fault.code, "where": fault.where, "message": fault.message}, True)
        return 1
    show({"name": name, "ok": True, "format_version": head.format_version, "verified": head.verified}, options.json)
    return 0


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


def add(command: Any) -> None:
    """Declares the verb."""
    verify = command("verify", run_verify, "run every check of the specification")
    verify.add_argument("--require-verified", action="store_true", help="refuse version 0, which has no digests")
    verify.add_argument("--schema", action="store_true", help="also validate the config against the JSON Schema")
    verify.add_argument("--json", action="store_true", help="one line, one object")
