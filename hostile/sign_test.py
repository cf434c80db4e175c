"""Tampering with a signed pair: python -m hostile.sign_test prints `sign-test: tampered T, accepted 0`.

Every bit of the three files is flipped, files are cut, lengthened, swapped, renamed and left out, and signatures that the real library
makes of other things are offered: by other keys, certificates, digests and layouts, over more or fewer files. The untampered pairs are
the control: they must load.
"""

from __future__ import annotations

import base64
import datetime
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import model_signing
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hostile.typical import version_1
from plmhead.errors import FormatError, InputError
from plmhead.signing import check_signature, sign

FEATURES = 8  # small files: every bit of them is flipped
CURVES = {"p256": ec.SECP256R1(), "p384": ec.SECP384R1(), "p521": ec.SECP521R1()}


class Attempt(NamedTuple):
    """What a reader is shown. files: name to content, NPZ first; key: PEM of the public key that the reader trusts."""

    what: str
    files: Mapping[str, bytes]
    signature: bytes
    key: bytes


class Signer:
    """A person with a key: pairs that they sign with plmhead, and whatever else the real library signs for them."""

    def __init__(self, folder: Path, curve: ec.EllipticCurve) -> None:
        folder.mkdir()
        self.folder, self.private = folder, folder / "private.pem"
        self.secret = ec.generate_private_key(curve)
        self.private.write_bytes(private_pem(self.secret))
        self.public = public_pem(self.secret)

    def pair(self, name: str, files: Mapping[str, bytes]) -> Attempt:
        """The files, signed as a user would."""
        for file, data in files.items():
            (self.folder / file).write_bytes(data)
        return Attempt(f"{name} untouched", files, sign(self.folder / name, self.private).read_bytes(), self.public)

    def other(
        self, files: Mapping[str, bytes], hashing: Any = None, choose: Callable[[Any], Any] | None = None
    ) -> bytes:
        """A signature by the library itself over a folder of these files; `choose` picks another kind of signer."""
        config = model_signing.signing.Config()
        config = choose(config) if choose else config.use_elliptic_key_signer(private_key=self.private)
        if hashing is not None:
            config.set_hashing_config(hashing)
        with tempfile.TemporaryDirectory() as folder:
            for file, data in files.items():
                Path(folder, file).write_bytes(data)
            config.sign(folder, self.folder / "other.sig")
        return (self.folder / "other.sig").read_bytes()


def private_pem(secret: Any) -> bytes:
    none = serialization.NoEncryption()
    return secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, none)


def public_pem(secret: Any) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return secret.public_key().public_bytes(serialization.Encoding.PEM, form)


def named(name: str, pair: tuple[bytes, bytes]) -> dict[str, bytes]:
    return {f"{name}.npz": pair[0], f"{name}_config.json": pair[1]}


def flips(good: Attempt, step: int) -> Iterator[Attempt]:
    """Every step-th bit of each of the three files, one at a time."""
    for what, data in {**good.files, "signature": good.signature}.items():
        for bit in range(0, 8 * len(data), step):
            changed = bytearray(data)
            changed[bit // 8] ^= 1 << bit % 8
            yield with_data(good, f"bit {bit} of {what}", what, bytes(changed))


def cuts(good: Attempt) -> Iterator[Attempt]:
    """Each file cut at a hundred places, lengthened, doubled and emptied."""
    for what, data in {**good.files, "signature": good.signature}.items():
        for at in range(0, len(data), max(1, len(data) // 100)):
            yield with_data(good, f"{what} cut at {at}", what, data[:at])
        for extra in (b"\0", b"x", data):
            yield with_data(good, f"{what} and {len(extra)} bytes more", what, data + extra)


def with_data(good: Attempt, name: str, what: str, data: bytes) -> Attempt:
    if what == "signature":
        return good._replace(what=name, signature=data)
    return good._replace(what=name, files={**good.files, what: data})


def swaps(a: Attempt, b: Attempt, renamed: Attempt, stranger: Signer) -> Iterator[Attempt]:
    """`a`, `b`: two pairs of one signer. renamed: the files of `a` under other names, signed. stranger: another key."""
    yield a._replace(what="the signature of another pair", signature=b.signature)
    yield a._replace(what="the signature of the same pair under other names", signature=renamed.signature)
    yield a._replace(what="renamed", files=dict(zip(renamed.files, a.files.values(), strict=True)))
    yield a._replace(what="the files exchanged", files=dict(zip(a.files, reversed(a.files.values()), strict=True)))
    for own, other in ((a, b), (b, a)):
        npz, config = own.files
        mixed = {npz: own.files[npz], config: list(other.files.values())[1]}
        for signed in (a, b):
            yield Attempt("the NPZ of one and the config of another", mixed, signed.signature, a.key)
        yield own._replace(what="only the NPZ", files={npz: own.files[npz]})
        yield own._replace(what="only the config", files={config: own.files[config]})
        yield own._replace(what="a file more", files={**own.files, "model.pkl": b"\x80\x04N."})
    yield a._replace(what="another key of the reader", key=stranger.public)
    strange = stranger.other(a.files)
    yield a._replace(what="signed by a stranger", signature=strange)
    hint = json.loads(a.signature)["verificationMaterial"]["publicKey"]["hint"]
    forged = edit(strange, ("verificationMaterial", "publicKey", "hint"), hint)
    yield a._replace(what="signed by a stranger who names the key of another", signature=forged)


def edit(signature: bytes, path: tuple[Any, ...], value: Any) -> bytes:
    """The bundle with one member set, or removed where the value is None."""
    bundle = json.loads(signature)
    place = bundle
    for part in path[:-1]:
        place = place[part]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return json.dumps(bundle).encode()


def bundles(a: Attempt, b: Attempt) -> Iterator[Attempt]:
    """The members of the bundle changed one by one, given twice, or put beside those of another pair."""
    other = json.loads(b.signature)
    envelope = json.loads(a.signature)["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    edits: dict[tuple[Any, ...], list[Any]] = {
        ("mediaType",): [None, "application/vnd.dev.sigstore.bundle.v0.2+json", 1],
        ("verificationMaterial",): [None, {}, []],
        ("verificationMaterial", "publicKey"): [None, {}, {"hint": ""}],
        ("verificationMaterial", "publicKey", "hint"): [None, 0, "00" * 32],
        ("verificationMaterial", "tlogEntries"): [None, [{}], {}],
        ("verificationMaterial", "certificate"): [{"rawBytes": ""}],
        ("dsseEnvelope",): [None, [], other["dsseEnvelope"]],
        ("dsse_envelope",): [other["dsseEnvelope"]],
        ("messageSignature",): [{}],
        ("dsseEnvelope", "payload"): [None, "", 7, other["dsseEnvelope"]["payload"], envelope["payload"] + "===="],
        ("dsseEnvelope", "payloadType"): [None, "text/plain"],
        ("dsseEnvelope", "signatures"): [None, [], envelope["signatures"] * 2, other["dsseEnvelope"]["signatures"]],
        ("dsseEnvelope", "signatures", 0, "sig"): [None, "", 3, "MAYCAQACAQA=", base64.b64encode(b"\0" * 64).decode()],
        ("dsseEnvelope", "signatures", 0, "keyid"): [None, "x"],
    }
    for path, values in edits.items():
        for value in values:
            yield a._replace(what=f"{path} {value!r:.40}", signature=edit(a.signature, path, value))
    for text in (payload.replace(b"sha256", b"sha512"), payload.replace(b"{", b"[", 1), b"", b"null", payload + b" "):
        word = base64.b64encode(text).decode()
        yield a._replace(what="another payload", signature=edit(a.signature, ("dsseEnvelope", "payload"), word))
    twice = a.signature.replace(
        b'{"mediaType"', b'{"dsseEnvelope":' + json.dumps(other["dsseEnvelope"]).encode() + b',"mediaType"', 1
    )
    yield a._replace(what="two envelopes", signature=twice)
    for text in (b"", b"null", b"[]", b"7", b"{}", b"\xff", b"[" * 5000, b'"' + b"x" * 70_000 + b'"'):
        yield a._replace(what=f"{text[:8]!r} for a signature", signature=text)


def libraries(a: Attempt, signer: Signer, folder: Path) -> Iterator[Attempt]:
    """Signatures by the right key that do not say "exactly these two files, by SHA-256"."""
    npz, config = a.files

    def hashing() -> Any:
        return model_signing.hashing.Config()

    rule = {
        "an ignored config": hashing().set_ignored_paths(paths=[config]),
        "an ignored NPZ": hashing().set_ignored_paths(paths=[npz]),
        "blake2": hashing().use_file_serialization(hashing_algorithm="blake2"),
        "blake3": hashing().use_file_serialization(hashing_algorithm="blake3"),
        "shards": hashing().use_shard_serialization(shard_size=1000),
    }
    for what, how in rule.items():
        yield a._replace(what=what, signature=signer.other(a.files, how))
    yield a._replace(what="a third file", signature=signer.other({**a.files, "model.pkl": b"\x80\x04N."}))
    for name in a.files:
        yield a._replace(what=f"{name} alone", signature=signer.other({name: a.files[name]}))
    yield a._replace(what="no file", signature=signer.other({}))
    for days in (-1, 30):
        chain = certificate(folder, days)
        signature = signer.other(
            a.files,
            None,
            lambda config, chain=chain: config.use_certificate_signer(
                private_key=chain[0], signing_certificate=chain[1], certificate_chain=[chain[1]]
            ),
        )
        yield a._replace(what=f"by a certificate that ends in {days} days", signature=signature)


def certificate(folder: Path, days: int) -> tuple[Path, Path]:
    """A key and its self-signed certificate, which ends in so many days: before today it has expired."""
    secret = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "signer")])
    today = datetime.datetime.now(datetime.UTC)
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING])
    built = (
        x509.CertificateBuilder(name, name, secret.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=30))
        .not_valid_after(today + datetime.timedelta(days=days))
        .add_extension(usage, critical=False)
        .sign(secret, hashes.SHA256())
    )
    key, path = folder / f"key{days}.pem", folder / f"certificate{days}.pem"
    key.write_bytes(private_pem(secret))
    path.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    return key, path


def keys(a: Attempt) -> Iterator[Attempt]:
    """Files that are no public key on a supported curve, among them the private key itself."""
    others = {
        "RSA": rsa.generate_private_key(65537, 2048),
        "Ed25519": ed25519.Ed25519PrivateKey.generate(),
        "secp256k1": ec.generate_private_key(ec.SECP256K1()),
        "brainpool": ec.generate_private_key(ec.BrainpoolP256R1()),
    }
    for what, secret in others.items():
        yield a._replace(what=f"a key of {what}", key=public_pem(secret))
    yield a._replace(what="an empty key", key=b"")
    yield a._replace(what="no PEM", key=b"\x00\xff" * 100)


def attempts(folder: Path, step: int) -> tuple[list[Attempt], Iterator[Attempt]]:
    """The controls, and every tampering with them."""
    first, second = named("a", version_1(FEATURES)), named("b", version_1(FEATURES + 1))
    signers = {name: Signer(folder / name, curve) for name, curve in CURVES.items()}
    own, stranger = signers["p256"], Signer(folder / "stranger", CURVES["p256"])
    controls = [signer.pair("a", first) for signer in signers.values()]
    a, b, renamed = (
        controls[0],
        own.pair("b", second),
        own.pair("c", dict(zip(named("c", (b"", b"")), first.values(), strict=True))),
    )

    def tampered() -> Iterator[Attempt]:
        yield from flips(a, step)
        for good in controls[1:]:
            yield from flips(good, 7 * step)
        for part in (cuts(a), swaps(a, b, renamed, stranger), bundles(a, b), libraries(a, own, folder), keys(a)):
            yield from part

    # Made by the library's own command over a folder of the two files: one format, whoever writes it.
    by_command = a._replace(what="signed by the library alone", signature=own.other(first))
    return [*controls, b, renamed, by_command], tampered()


def code(attempt: Attempt) -> str:
    """The error code of a refusal, or "" where the signature is taken. Any other exception is a bug and goes up."""
    try:
        check_signature(attempt.files, attempt.signature, attempt.key)
    except (FormatError, InputError) as fault:
        return fault.code
    return ""


def run(step: int = 1) -> tuple[int, int, dict[str, int]]:
    """Tampered, accepted, and refusals by code. step: flip every step-th bit. Raises AssertionError where a control fails."""
    tampered, accepted, codes = 0, 0, dict[str, int]()
    with tempfile.TemporaryDirectory() as folder:
        controls, hostile = attempts(Path(folder), step)
        for control in controls:
            assert code(control) == "", control.what
        for attempt in hostile:
            tampered += 1
            answer = code(attempt)
            codes[answer] = codes.get(answer, 0) + 1
            if not answer:
                accepted += 1
                print(f"accepted: {attempt.what}", file=sys.stderr)
        for control in controls:
            assert code(control) == "", control.what
    return tampered, accepted, codes


def main() -> int:
    tampered, accepted, codes = run()
    for answer, count in sorted(codes.items()):
        print(f"  {answer or 'accepted'} {count}")
    print(f"sign-test: tampered {tampered}, accepted {accepted}")
    return 1 if accepted else 0


if __name__ == "__main__":
    sys.exit(main())
