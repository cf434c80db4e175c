"""Signatures by the real library: plmhead's own, those of model-signing's command, and what happens without one."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys

import pytest

pytest.importorskip("model_signing", reason="needs model-signing: pip install 'plmhead[sign]'")

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hostile import sign_test
from hostile.typical import version_1

import plmhead
from plmhead.signing import load_signed, sign


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    """A folder with private.pem and public.pem, made as the page says."""
    folder = tmp_path_factory.mktemp("keys")
    for command in (
        "openssl ecparam -genkey -name prime256v1 -noout -out private.pem",
        "openssl ec -in private.pem -pubout -out public.pem",
    ):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def pair(tmp_path):
    """PATH/NAME of a pair alone in its folder."""
    npz, config = version_1(6)
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair/head.npz").write_bytes(npz)
    (tmp_path / "pair/head_config.json").write_bytes(config)
    return tmp_path / "pair/head"


def test_no_tampering_is_accepted():
    tampered, accepted, codes = sign_test.run(step=211)
    assert accepted == 0
    assert tampered > 700
    assert set(codes) == {"SIGNATURE_FORM", "SIGNATURE_FILES", "SIGNATURE_INVALID", "SIGNING_KEY"}


def test_sign_and_verify_on_the_command_line(run, pair, keys):
    done = run("verify", pair, "--public-key", keys / "public.pem", "--json")
    assert (done.returncode, json.loads(done.stdout)["code"]) == (1, "SIGNATURE_MISSING")
    done = run("sign", pair, "--key", keys / "private.pem")
    assert (done.returncode, done.stdout) == (0, f"wrote {pair}.sig, over head.npz and head_config.json\n"), done.stderr
    done = run("verify", pair, "--public-key", keys / "public.pem", "--json")
    verdict = {"name": "head", "ok": True, "format_version": "1.0", "verified": True, "signed": True}
    assert (done.returncode, json.loads(done.stdout), done.stderr) == (0, verdict, "")
    assert "signed" not in json.loads(run("verify", pair, "--json").stdout), "nothing is said of a signature unasked"
    run("amend", pair, "--set", '/training/dataset="other"')
    assert run("verify", pair).returncode == 0
    done = run("verify", pair, "--public-key", keys / "public.pem")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("plmhead: SIGNATURE_FILES (head_config.json): found other content")
    assert sorted(path.name for path in pair.parent.iterdir()) == ["head.npz", "head.sig", "head_config.json"]


def test_a_signed_pair_is_still_checked_strictly(pair, keys):
    """A key holder can sign anything with the library; the specification still decides what loads."""
    sign(pair, keys / "private.pem")
    config = pair.with_name("head_config.json")
    config.write_bytes(config.read_bytes().replace(b'"solver"', b'"solvers"'))
    with pytest.raises(plmhead.FormatError) as caught:
        sign(pair, keys / "private.pem")
    assert caught.value.code == "CONFIG_DIGEST"
    by_command(keys, "sign", pair.parent, "--signature", f"{pair}.sig", "--ignore-paths", f"{pair}.sig")
    with pytest.raises(plmhead.FormatError) as caught:
        load_signed(pair, keys / "public.pem")
    assert caught.value.code == "CONFIG_DIGEST"


def by_command(keys, verb, *arguments):
    """The library's own command, with the spelling of options that the locked version has."""
    key = ["--private_key", keys / "private.pem"] if verb == "sign" else ["--public_key", keys / "public.pem"]
    command = [sys.executable, "-m", "model_signing", verb, "key", *arguments, *key]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)


def test_the_librarys_own_command_takes_our_signature_and_we_take_its(pair, keys):
    head = plmhead.load(pair)
    sign(pair, keys / "private.pem")
    options = ("--signature", f"{pair}.sig", "--ignore_unsigned_files")
    assert "succe" in by_command(keys, "verify", pair.parent, *options).stdout.lower()
    (pair.parent / "head.sig").unlink()
    by_command(keys, "sign", pair.parent, "--signature", f"{pair}.sig")
    signed = load_signed(pair, keys / "public.pem")
    assert (signed.npz_sha256, signed.coef.tobytes()) == (head.npz_sha256, head.coef.tobytes())


def test_other_files_beside_the_pair_play_no_part(pair, keys):
    sign(pair, keys / "private.pem")
    (pair.parent / "README.md").write_text("a page")
    (pair.parent / ".gitignore").write_text("*")
    assert load_signed(pair, keys / "public.pem").verified


def test_a_pair_behind_links_as_the_cache_of_a_hub_has_it(pair, keys, tmp_path):
    sign(pair, keys / "private.pem")
    (tmp_path / "cache").mkdir()
    for path in pair.parent.iterdir():
        (tmp_path / "cache" / path.name).symlink_to(path)
    assert load_signed(tmp_path / "cache/head", keys / "public.pem").verified


def test_what_is_loaded_is_what_was_checked(pair, keys, monkeypatch):
    """The files are replaced while the library looks at its copies: the bytes that were read are the ones that load."""
    import model_signing

    sign(pair, keys / "private.pem")
    before = plmhead.load(pair).coef.tobytes()
    verify = model_signing.verifying.Config.verify

    def replace_then_verify(self, *arguments):
        for path, data in zip((f"{pair}.npz", f"{pair}_config.json"), version_1(7), strict=True):
            os.replace(shutil.copy(path, f"{path}.old"), f"{path}.older")
            with open(path, "wb") as file:
                file.write(data)
        return verify(self, *arguments)

    monkeypatch.setattr(model_signing.verifying.Config, "verify", replace_then_verify)
    assert load_signed(pair, keys / "public.pem").coef.tobytes() == before
    assert plmhead.load(pair).n_features_in == 7


def test_a_key_with_a_password(run, pair, keys, tmp_path):
    secret = ec.generate_private_key(ec.SECP384R1())
    locked = serialization.BestAvailableEncryption("pässword".encode())
    pem = secret.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    (tmp_path / "locked.pem").write_bytes(pem)
    (tmp_path / "public.pem").write_bytes(sign_test.public_pem(secret))
    for password in (None, "wrong"):
        environment = {**os.environ, **({"PLMHEAD_KEY_PASSWORD": password} if password else {})}
        done = run("sign", pair, "--key", tmp_path / "locked.pem", env=environment)
        assert (done.returncode, done.stderr.startswith("plmhead: SIGNING_KEY")) == (1, True), done.stderr
    environment = {**os.environ, "PLMHEAD_KEY_PASSWORD": "pässword"}
    assert run("sign", pair, "--key", tmp_path / "locked.pem", env=environment).returncode == 0
    assert load_signed(pair, tmp_path / "public.pem").verified


@pytest.mark.parametrize("name", ["private.pem", "nothing.pem"])
def test_a_wrong_key_file_is_one_clear_line(run, pair, keys, name):
    sign(pair, keys / "private.pem")
    done = run("verify", pair, "--public-key", keys / name)
    assert done.returncode == 1
    assert done.stderr.startswith("plmhead: SIGNING_KEY")
    assert done.stderr.count("\n") == 1


def test_a_signature_that_is_spelled_anew_says_the_same(pair, keys):
    """White space of the outer JSON is not signed: it says nothing, and moving it changes nothing that is loaded."""
    path = sign(pair, keys / "private.pem")
    path.write_text(json.dumps(json.loads(path.read_text()), indent=2))
    assert load_signed(pair, keys / "public.pem").verified


def test_the_statement_names_no_folder_of_this_machine(pair, keys):
    bundle = json.loads(sign(pair, keys / "private.pem").read_text())
    statement = base64.b64decode(bundle["dsseEnvelope"]["payload"]).decode()
    assert str(pair.parent.parent) not in statement
    assert json.loads(statement)["subject"][0]["name"] == "pair"


OFFLINE = """
import sys
seen = []
def hook(event, arguments):
    if event.startswith(("socket.", "http.", "urllib.", "ssl.")):
        seen.append((event, arguments[1:]))
sys.addaudithook(hook)
from plmhead.cli import main
code = main(sys.argv[1:])
print(seen)
# urllib3, which comes with sigstore, asks once whether the machine has IPv6 by binding a socket to ::1; nothing else may happen.
probe = [("socket.__new__", (10, 1, 0)), ("socket.bind", (("::1", 0),))]
sys.exit(code if seen in ([], probe[:1], probe) else 7)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the number of AF_INET6 in the events is Linux's")
def test_no_connection_is_opened_and_no_name_looked_up(pair, keys):
    for arguments in (
        ["sign", pair, "--key", keys / "private.pem"],
        ["verify", pair, "--public-key", keys / "public.pem"],
    ):
        done = subprocess.run(
            [sys.executable, "-c", OFFLINE, *map(str, arguments)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_without_the_extra_it_says_how_to_get_it(run, pair, keys, tmp_path):
    (tmp_path / "model_signing.py").write_text("raise ImportError('No module named OpenSSL')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = run("sign", pair, "--key", keys / "private.pem", env=environment)
    assert (done.returncode, done.stderr) == (
        1,
        "plmhead: signatures need model-signing: pip install 'plmhead[sign]'\n",
    )
