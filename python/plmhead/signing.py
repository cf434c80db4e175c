"""Signatures over a pair, by OpenSSF model-signing with a key (the extra plmhead[sign]); nothing here uses the network.

NAME.sig beside the pair is a sigstore bundle that names both files and their SHA-256. The library is given private copies of the bytes
that are then loaded, in a folder of their own: nobody can swap a file between the check and the load, links to files work, and other
files beside the pair play no part.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import json
from .errors import FormatError, InputError
from .head import Head, from_bytes, pair_paths, read_file, read_pair
from .whole_file import replaced

MAX_SIGNATURE_BYTES = 64 * 1024
_MAX_KEY_BYTES = 64 * 1024
_CURVES = ("secp256r1", "secp384r1", "secp521r1")

_BUNDLE_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
_PAYLOAD_TYPE = "application/vnd.in-toto+json"
_STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_PREDICATE_TYPE = "https://model_signing/signature/v1.0"


def signature_path(artifact: str | os.PathLike[str]) -> Path:
    """NAME.sig, beside the pair; for the NAME `model` of hubs it is where model-signing itself looks."""
    return pair_paths(artifact)[0].with_suffix(".sig")


def sign(artifact: str | os.PathLike[str], private_key: str | os.PathLike[str], password: bytes | None = None) -> Path:
    """Checks the pair as `load` does, signs exactly its two files and writes NAME.sig; the path of it.

    private_key: a PEM file, elliptic curve P-256, P-384 or P-521. Raises FormatError for an invalid pair, InputError SIGNING_KEY, OUTPUT,
    ImportError without plmhead[sign].
    """
    model_signing = _library()
    files = _read_pair(artifact)
    from_bytes(*files.values())
    public_key = _public_half(_read_key(private_key), password)
    with tempfile.TemporaryDirectory() as folder:
        copies, signature = _copies(Path(folder), files), Path(folder, "signature")
        signer = model_signing.signing.Config().use_elliptic_key_signer(private_key=private_key, password=password)
        signer.set_hashing_config(_hashing(model_signing)).sign(copies, signature)
        data = signature.read_bytes()
    check_signature(files, data, public_key)
    target = signature_path(artifact)
    _replace(target, data)
    return target


def load_signed(
    artifact: str | os.PathLike[str], public_key: str | os.PathLike[str], *, require_verified: bool = False
) -> Head:
    """As `load`, but first NAME.sig must be the signature of these two files by the holder of the key.

    public_key: a PEM file. Raises InputError SIGNING_KEY, FormatError SIGNATURE_MISSING, SIGNATURE_FORM, SIGNATURE_FILES,
    SIGNATURE_INVALID, then as `load`; ImportError without plmhead[sign].
    """
    key = _read_key(public_key)
    path = signature_path(artifact)
    if not path.exists():
        raise FormatError("SIGNATURE_MISSING", "signature", f"found no {path.name}, expected it beside the pair")
    signature = read_file(path, "signature", MAX_SIGNATURE_BYTES)
    files = _read_pair(artifact)
    check_signature(files, signature, key)
    return from_bytes(*files.values(), require_verified=require_verified)


def check_signature(files: Mapping[str, bytes], signature: bytes, public_key: bytes) -> None:
    """Whether the signature is one over exactly these files (name to content), made with the private half of the PEM key.

    Raises as `load_signed`.
    """
    model_signing = _library()
    _check_public_key(public_key)
    _check_resources(_statement(signature), files)
    with tempfile.TemporaryDirectory() as folder:
        copies, copy, key = _copies(Path(folder), files), Path(folder, "signature"), Path(folder, "key")
        copy.write_bytes(signature)
        key.write_bytes(public_key)
        verifier = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=key)
        try:
            verifier.set_hashing_config(_hashing(model_signing)).verify(copies, copy)
        except Exception as fault:
            # Whatever the library stumbles over in a stranger's file, it has not said that the signature is good.
            reason = str(fault) or "the signature does not verify"
            raise FormatError(
                "SIGNATURE_INVALID", "signature", f"found no signature by this key ({reason}), expected one"
            ) from None


def _library() -> Any:
    try:
        import model_signing
    except ImportError:
        # model-signing 1.1 needs pyOpenSSL without saying so; the extra does.
        raise ImportError("signatures need model-signing: pip install 'plmhead[sign]'") from None
    return model_signing


def _hashing(model_signing: Any) -> Any:
    """Both files by SHA-256, none ignored: by default the library leaves out what looks like files of git."""
    config = model_signing.hashing.Config().use_file_serialization(hashing_algorithm="sha256")
    return config.set_ignored_paths(paths=[], ignore_git_paths=False)


def _read_pair(artifact: str | os.PathLike[str]) -> dict[str, bytes]:
    """Name to content of the NPZ and the config, in this order."""
    npz_path, config_path = pair_paths(artifact)
    npz, config = read_pair(npz_path, config_path)
    return {npz_path.name: npz, config_path.name: config}


def _copies(folder: Path, files: Mapping[str, bytes]) -> Path:
    pair = folder / "pair"
    pair.mkdir()
    for name, data in files.items():
        (pair / name).write_bytes(data)
    return pair


def _replace(target: Path, data: bytes) -> None:
    try:
        with replaced(target) as file:
            file.write(data)
    except OSError as fault:
        raise InputError("OUTPUT", str(target), f"cannot be written: {fault.strerror}") from None


# --- keys


def _read_key(path: str | os.PathLike[str]) -> bytes:
    try:
        return read_file(Path(path), "key", _MAX_KEY_BYTES)
    except FormatError as fault:
        raise InputError("SIGNING_KEY", os.fspath(path), fault.message) from None


def _refuse_key(found: str, expected: str, remedy: str | None = None) -> InputError:
    return InputError("SIGNING_KEY", "key", f"found {found}, expected {expected}", remedy)


def _check_public_key(pem: bytes) -> None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if b"PRIVATE KEY" in pem:
        raise _refuse_key("a private key", "its public half", "openssl ec -in private.pem -pubout -out public.pem")
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise _refuse_key("no public key", "a PEM file that begins with BEGIN PUBLIC KEY") from None
    _check_curve(key)


def _check_curve(key: Any) -> None:
    curve = getattr(getattr(key, "curve", None), "name", None)
    if curve not in _CURVES:
        found = f"a key on {curve}" if curve else f"a key of type {type(key).__name__.strip('_')}"
        remedy = "openssl ecparam -genkey -name prime256v1 -noout -out private.pem"
        raise _refuse_key(found, "an elliptic curve key on P-256, P-384 or P-521", remedy)


def _public_half(pem: bytes, password: bytes | None) -> bytes:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_private_key(pem, password)
    except TypeError:
        found = "a key without a password" if password else "a key with a password"
        raise _refuse_key(found, "PLMHEAD_KEY_PASSWORD to be set only where the key has one") from None
    except (ValueError, UnsupportedAlgorithm):
        raise _refuse_key("no private key, or another password", "a PEM file of a private key") from None
    _check_curve(key)
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


# --- the signature file


def _form(found: str, expected: str) -> FormatError:
    return FormatError("SIGNATURE_FORM", "signature", f"found {found}, expected {expected}")


def _json(data: bytes, what: str) -> Any:
    """JSON by the strict rule: the library takes the last of two members of a name, and so could be shown another one than we."""
    try:
        return json.parse(data)
    except FormatError as fault:
        raise _form(f"{what} that is not strict JSON ({fault.code}: {fault.message})", "JSON") from None


def _decode(text: Any, what: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise _form(f"{what} that is not base64", "base64") from None
    if base64.b64encode(data).decode() != text:
        raise _form(f"{what} in another spelling of base64", "the one that encoding it again gives")
    return data


def _statement(signature: bytes) -> dict[str, Any]:
    """The signed statement in a bundle of exactly the members that model-signing writes for a key.

    Closed on purpose: certificates, transparency logs and older layouts are other promises than "made by this key".
    """
    bundle = _json(signature, "a file")
    try:
        if "certificate" in bundle["verificationMaterial"] or "x509CertificateChain" in bundle["verificationMaterial"]:
            raise _form("a signature by a certificate", "one by a key")
        hint, envelope = bundle["verificationMaterial"]["publicKey"]["hint"], bundle["dsseEnvelope"]
        payload, (entry,) = envelope["payload"], envelope["signatures"]
        closed = {
            "mediaType": _BUNDLE_TYPE,
            "verificationMaterial": {"publicKey": {"hint": hint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": payload,
                "payloadType": _PAYLOAD_TYPE,
                "signatures": [{"sig": entry["sig"], "keyid": ""}],
            },
        }
    except (KeyError, TypeError, ValueError):
        raise _form("no signature by a key", "the bundle that plmhead sign writes") from None
    # Without the key's digest the library would take the signature for one of its older layouts.
    if bundle != closed or not isinstance(hint, str) or not re.fullmatch(r"[0-9a-f]{64}", hint):
        raise _form("a bundle of other members", "those that plmhead sign writes")
    _decode(entry["sig"], "a signature")
    statement = _json(_decode(payload, "a payload"), "a payload")
    if not isinstance(statement, dict):
        raise _form("a payload that is no object", "an in-toto statement")
    return statement


def _check_resources(statement: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """The statement names exactly these files with these digests; the library alone would let a signature leave files out."""
    try:
        types = (statement["_type"], statement["predicateType"])
        method = statement["predicate"]["serialization"]
        hashed = (method["method"], method["hash_type"])
        entries = [
            (entry["name"], entry["algorithm"], entry["digest"]) for entry in statement["predicate"]["resources"]
        ]
        signed = {name: digest for name, _, digest in entries}
        algorithms = {algorithm for _, algorithm, _ in entries}
    except (KeyError, TypeError):
        raise _form("a statement of other members", "the one that model-signing 1.1 writes") from None
    if types != (_STATEMENT_TYPE, _PREDICATE_TYPE):
        raise _form(f"a statement of type {types[1]!r}", _PREDICATE_TYPE)
    if hashed != ("files", "sha256") or algorithms - {"sha256"}:
        raise _form(f"digests by {hashed[0]} and {hashed[1]}", "by files and sha256")
    if len(entries) != len(files) or set(signed) != set(files):
        names = ", ".join(repr(name) for name, _, _ in entries) or "none"
        raise FormatError(
            "SIGNATURE_FILES", "signature", f"found a signature over {names}, expected exactly {', '.join(files)}"
        )
    for name, data in files.items():
        if hashlib.sha256(data).hexdigest() != signed[name]:
            raise FormatError("SIGNATURE_FILES", name, "found other content than was signed, expected the same bytes")
