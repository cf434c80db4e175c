"""Push and pull with the real client of the hub, against a hub on the loopback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import plmhead
from plmhead.errors import FormatError, InputError

huggingface_hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub: pip install 'plmhead[hub]'")

from huggingface_hub import constants  # noqa: E402
from tests.hub_pairs import NAME, PAIR, tree_of  # noqa: E402
from tests.hub_server import READER, WRITER, HubServer, sha256  # noqa: E402

from plmhead import hub as hub_module  # noqa: E402
from plmhead.hub import from_pretrained, push_to_hub, save_pretrained  # noqa: E402

# huggingface_hub uploads to LFS by an argument that its own HTTP library no longer likes.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")

X = np.random.default_rng(1).normal(size=(7, 8)).astype(np.float32)


@pytest.fixture(autouse=True)
def own_settings(monkeypatch, tmp_path):
    """No token and no cache of whoever runs the tests; LFS instead of Xet, whose storage speaks a protocol of its own."""
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def pull(hub, tmp_path):
    """from_pretrained from this hub into a cache of the test's own."""

    def puller(name: str = NAME, **options):
        given = {"token": False, "cache_dir": tmp_path / "cache", "endpoint": hub.url, **options}
        return from_pretrained(name, **given)

    return puller


@pytest.fixture
def push(hub):
    def pusher(artifact, name: str = NAME, **options):
        return push_to_hub(artifact, name, **{"token": WRITER, "endpoint": hub.url, **options})

    return pusher


def same_bits(head, artifact: Path) -> bool:
    own = plmhead.load(artifact)
    return all(
        getattr(head, f)(X).tobytes() == getattr(own, f)(X).tobytes() for f in ("decision_function", "predict_proba")
    )


def code(call, *arguments, **options) -> str:
    with pytest.raises((FormatError, InputError)) as caught:
        call(*arguments, **options)
    assert caught.value.remedy or caught.value.code in ("HUB_REVISION", "HUB_FILES", "FILE_SIZE", "METADATA")
    return caught.value.code


# --- there and back


def test_push_pull_at_a_revision_score_the_same_bits(hub, push, pull, pairs):
    first, second = push(pairs / "first"), push(pairs / "second")
    assert first.commit != second.commit
    assert hub.repositories[NAME].resolve("main") == second.commit
    for commit, artifact in ((first.commit, "first"), (second.commit, "second")):
        head = pull(revision=commit)
        assert same_bits(head, pairs / artifact)
        assert head.verified
        assert head.source == (NAME, commit, commit)
    head = pull()
    assert head.source == (NAME, "main", second.commit)
    assert same_bits(head, pairs / "second")


def test_a_push_is_one_commit_of_the_pair_and_a_card(hub, push, pairs):
    pushed = push(pairs / "first", commit_message="the first", private=True)
    repository = hub.repositories[NAME]
    assert repository.messages == ["", "the first"]  # the repository's own first commit, and ours
    assert set(pushed.files) == PAIR | {"README.md"}
    tree = repository.commits[pushed.commit]
    assert set(tree) == PAIR | {"README.md", ".gitattributes"}
    assert tree["model.npz"] == (pairs / "first.npz").read_bytes()
    assert pushed.url.endswith(pushed.commit)
    assert repository.private
    assert hub.asked("PUT", "storage/") == [f"storage/{sha256(tree['model.npz'])}"]


def test_the_same_again_makes_no_commit(hub, push, pairs):
    first = push(pairs / "first")
    assert push(pairs / "first").commit == first.commit
    assert len(hub.repositories[NAME].commits) == 2


def test_a_pull_fetches_the_two_files_and_nothing_else(hub, pull, pairs, tmp_path):
    tree = tree_of(pairs / "first", README__md=b"# big", model__pkl=b"\x80\x04.", pytorch_model__bin=b"zip")
    repository = hub.repository(NAME, tree)
    head = pull()
    assert same_bits(head, pairs / "first")
    fetched = hub.asked("GET", "resolve|storage")
    assert sorted(fetched) == sorted(
        [f"/{NAME}/resolve/main/model_config.json", f"storage/{sha256(tree['model.npz'])}"]
    )
    cached = {path.name for path in (tmp_path / "cache").rglob("snapshots/*/*")}
    assert cached == PAIR
    assert head.source.commit == repository.resolve("main")


def test_branch_tag_and_commit_name_the_same_head(hub, pull, pairs):
    repository = hub.repository(NAME, tree_of(pairs / "first"))
    commit = repository.resolve("main")
    repository.refs["v1.0"] = repository.refs["dev/next"] = commit
    repository.commit(tree_of(pairs / "second"))
    for revision in ("v1.0", "dev/next", commit):
        head = pull(revision=revision)
        assert (head.source.commit, head.source.revision) == (commit, revision)
        assert same_bits(head, pairs / "first")
    assert same_bits(pull(), pairs / "second")


def test_both_files_are_of_one_commit_though_the_branch_moves_between(hub, pull, pairs):
    repository = hub.repository(NAME, tree_of(pairs / "first"))
    commit = repository.resolve("main")
    hub.before_npz = lambda: repository.commit(tree_of(pairs / "second"))
    head = pull()
    assert (head.source.commit, same_bits(head, pairs / "first")) == (commit, True)
    assert same_bits(pull(), pairs / "second")


def test_what_is_in_the_cache_is_not_fetched_again(hub, pull, pairs):
    commit = hub.repository(NAME, tree_of(pairs / "first")).resolve("main")
    pull()
    hub.requests.clear()
    pull()
    assert hub.asked("GET", "resolve|storage") == []
    hub.requests.clear()
    assert same_bits(pull(revision=commit), pairs / "first")
    assert hub.requests == []  # a commit does not change: not even a question
    hub.requests.clear()
    pull(force_download=True)
    assert len(hub.asked("GET", "resolve|storage")) == 2


def test_offline_only_the_cache_is_used(hub, pull, pairs, monkeypatch):
    commit = hub.repository(NAME, tree_of(pairs / "first")).resolve("main")
    assert code(pull, local_files_only=True) == "HUB_OFFLINE"
    assert hub.requests == []
    pull()
    hub.requests.clear()
    hub.down = True
    for revision in (None, "main", commit):
        head = pull(revision=revision, local_files_only=True)
        assert same_bits(head, pairs / "first")
        assert head.source.commit == commit
    assert code(pull, revision="v2", local_files_only=True) == "HUB_OFFLINE"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert same_bits(pull(revision=commit), pairs / "first")
    assert hub.requests == []


def test_a_redirect_to_another_host_carries_no_token(hub, pull, pairs):
    hub.repository(NAME, tree_of(pairs / "first"), private=True)
    pull(token=READER)
    assert hub.storage_headers
    assert not any("authorization" in headers for headers in hub.storage_headers)


# --- what is refused


def test_missing_repositories_revisions_and_tokens(hub, pull, push, pairs):
    hub.repository(NAME, tree_of(pairs / "first"))
    hub.repository("lab/secret", tree_of(pairs / "first"), private=True)
    hub.repository("lab/gated", tree_of(pairs / "first"), gated=True)
    assert code(pull, "lab/none", token=READER) == "HUB_REPOSITORY"
    assert code(pull, "lab/none") == "HUB_REPOSITORY"
    assert code(pull, "lab/secret") == "HUB_REPOSITORY"  # the hub does not say that it is there
    assert code(pull, "lab/gated", token=READER) == "HUB_ACCESS"
    assert code(pull, token="hf_wrong") == "HUB_ACCESS"
    assert code(pull, revision="v9") == "HUB_REVISION"
    assert code(pull, revision="0" * 40) == "HUB_REVISION"
    assert code(push, pairs / "first", token=READER) == "HUB_ACCESS"
    assert code(push, pairs / "first", token="hf_wrong") == "HUB_ACCESS"
    assert code(push, pairs / "first", token=False) in ("HUB_ACCESS", "HUB_REPOSITORY")
    assert code(push, pairs / "first", revision="no-branch") == "HUB_REVISION"
    assert len(hub.repositories[NAME].commits) == 1
    assert same_bits(pull("lab/secret", token=READER), pairs / "first")


def test_a_hub_that_is_down_or_not_there(hub, pull, push, pairs):
    hub.down = True
    assert code(pull) == "HUB_UNREACHABLE"
    hub.down = False
    with HubServer() as other:
        gone = other.url
    assert code(pull, endpoint=gone) == "HUB_UNREACHABLE"
    assert code(push, pairs / "first", endpoint=gone) == "HUB_UNREACHABLE"


@pytest.mark.parametrize(
    "name", ["a/b/c", "../model", "lab/none.git", "", "lab--x/y", "-x/y", "https://example.org/a/b", "lab/no folder"]
)
def test_names_that_cannot_be_repositories(hub, pull, push, pairs, name):
    assert code(pull, name) == "HUB_NAME"
    assert code(push, pairs / "first", name) == code(push, pairs / "first", "no-owner") == "HUB_NAME"
    assert hub.requests == []


def test_pickles_are_neither_fetched_nor_opened(hub, pull, push, tmp_path):
    evil = b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR."
    hub.repository(NAME, {"model.pkl": evil, "README.md": b"#"})
    with pytest.raises(InputError, match="plmhead convert") as caught:
        pull()
    assert (caught.value.code, "model.pkl" in caught.value.message) == ("HUB_PICKLE", True)
    assert hub.asked("GET", "resolve|storage") == []
    hub.repository("lab/skops", {"model.skops": b"PK", "pytorch_model.bin": b"PK"})
    with pytest.raises(InputError, match=r"plmhead\.save") as caught:
        pull("lab/skops")
    assert caught.value.code == "HUB_PICKLE"
    (tmp_path / "model.pkl").write_bytes(evil)
    for call in (lambda: pull(tmp_path / "model.pkl"), lambda: pull(tmp_path), lambda: pull("lab/model.joblib")):
        assert code(call) == "HUB_PICKLE"
    assert code(push, tmp_path / "model.pkl") == "HUB_PICKLE"
    assert not (tmp_path / "ran").exists()


def test_repositories_without_a_pair_of_that_name(hub, pull, pairs):
    hub.repository(NAME, {"README.md": b"#", "config.json": b"{}"})
    assert code(pull) == "HUB_FILES"
    hub.repository(NAME, {"head.npz": b"", "head_config.json": b"{}"})
    with pytest.raises(InputError, match=r"head_config\.json"):
        pull()
    assert hub.asked("GET", "resolve|storage") == []


def test_a_file_that_is_too_large_is_not_fetched(hub, pull, pairs):
    tree = tree_of(pairs / "first")
    hub.repository(NAME, {**tree, "model_config.json": b" " * (2**20 + 1)})
    assert code(pull) == "FILE_SIZE"
    assert hub.asked("GET", "resolve|storage") == []


def test_version_0_has_to_be_allowed(hub, pull, push, pairs, tmp_path, repository):
    cases = sorted((repository / "conformance/cases").glob("*/*/case.json"))
    case = next(path.parent for path in cases if '"format_version": "0"' in path.read_text())
    tree = {name: (case / name).read_bytes() for name in PAIR}
    hub.repository(NAME, tree)
    assert code(pull) == "NOT_VERIFIED"
    assert not pull(require_verified=False).verified
    assert code(push, case / "model") == "NOT_VERIFIED"


# --- damage on the way


def test_a_file_that_was_tampered_with_is_refused_and_can_be_fetched_again(hub, pull, pairs):
    tree = tree_of(pairs / "first")
    hub.repository(NAME, tree)
    changed = bytearray(tree["model.npz"])
    changed[-200] ^= 1
    hub.tampered[sha256(tree["model.npz"])] = bytes(changed)
    with pytest.raises(FormatError, match="force_download=True") as caught:
        pull()
    assert caught.value.code == "NPZ_DIGEST"
    hub.tampered.clear()
    assert code(pull) == "NPZ_DIGEST"  # the client's cache goes by the name that the hub gave
    assert same_bits(pull(force_download=True), pairs / "first")
    assert same_bits(pull(), pairs / "first")


def test_two_halves_are_refused(hub, pull, pairs):
    first, second = tree_of(pairs / "first"), tree_of(pairs / "second")
    hub.repository(NAME, {**first, "model.npz": second["model.npz"]})
    assert code(pull) == "NPZ_DIGEST"


def test_a_file_that_ends_early_is_no_file(hub, pull, pairs):
    tree = tree_of(pairs / "first")
    hub.repository(NAME, tree)
    hub.tampered[sha256(tree["model.npz"])] = tree["model.npz"][:100]
    assert code(pull) == "HUB_UNREACHABLE"
    hub.tampered.clear()
    assert same_bits(pull(), pairs / "first")


def test_a_kill_in_the_middle_leaves_a_cache_that_works(hub, pull, pairs, tmp_path):
    tree = tree_of(pairs / "first")
    hub.repository(NAME, tree)
    hub.stalled.add(sha256(tree["model.npz"]))
    script = (
        "import sys; from plmhead.hub import from_pretrained as f; f(sys.argv[1], token=False, cache_dir=sys.argv[2])"
    )
    command = [sys.executable, "-c", script, NAME, str(tmp_path / "cache")]
    process = subprocess.Popen(command, env={**os.environ, "HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path)})
    try:
        assert hub.stalling.wait(60)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert code(pull, local_files_only=True) == "HUB_OFFLINE"
    hub.stalled.clear()
    assert same_bits(pull(), pairs / "first")


@pytest.mark.parametrize("commit", ["../../../out", "main", "0" * 39, "G" * 40])
def test_a_hub_that_names_no_commit(hub, pull, pairs, tmp_path, commit):
    hub.repository(NAME, tree_of(pairs / "first"))
    hub.commit_header = commit
    assert code(pull) == "HUB_UNREACHABLE"
    assert not [path for path in tmp_path.rglob("*") if path.name == "out"]


def test_another_writer_between_leaves_no_pair_of_two_halves(hub, push, pull, pairs):
    push(pairs / "first")
    repository = hub.repositories[NAME]
    hub.before_commit = lambda: repository.commit(tree_of(pairs / "second"), message="theirs")
    assert code(push, pairs / "first", card="---\nlicense: mit\n---\n# new\n") == "HUB_CONFLICT"
    assert repository.messages[-1] == "theirs"
    assert same_bits(pull(), pairs / "second")


# --- folders


def test_a_folder_is_laid_out_as_a_repository(pairs, push, pull, tmp_path):
    folder = save_pretrained(pairs / "first", tmp_path / "deep" / "folder")
    assert {path.name for path in folder.iterdir()} == PAIR | {"README.md"}
    head = from_pretrained(folder)
    assert same_bits(head, pairs / "first")
    assert head.source is None
    assert code(from_pretrained, folder, revision="main") == "HUB_REVISION"
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Mine\n")
    with pytest.warns(UserWarning, match="does not name the pair"):
        save_pretrained(pairs / "second", folder)
    assert (folder / "README.md").read_text().endswith("# Mine\n")
    push(folder)
    assert same_bits(pull(), pairs / "second")
    assert code(from_pretrained, tmp_path) == "HUB_FILES"


def test_a_head_in_memory_has_the_bytes_of_its_file(hub, pairs, tmp_path):
    head = plmhead.load(pairs / "first")
    assert head.save_pretrained(tmp_path / "folder") == tmp_path / "folder"
    assert tree_of(pairs / "first") == tree_of(tmp_path / "folder" / "model")
    pushed = head.push_to_hub(NAME, token=WRITER, endpoint=hub.url)
    tree = hub.repositories[NAME].commits[pushed.commit]
    assert {name: tree[name] for name in PAIR} == tree_of(pairs / "first")


def test_the_card_of_a_repository_stays_unless_one_is_given(hub, push, pairs, tmp_path):
    hub.repository(NAME, {"README.md": b"---\nlicense: mit\n---\n# Theirs\n"})
    assert set(push(pairs / "first").files) == PAIR
    tree = hub.repositories[NAME].commits[hub.repositories[NAME].resolve("main")]
    assert tree["README.md"].endswith(b"# Theirs\n")
    pushed = push(pairs / "first", card="---\nlicense: mit\n---\n# Given\n")
    assert hub.repositories[NAME].commits[pushed.commit]["README.md"].endswith(b"# Given\n")
    assert code(push, pairs / "first", card="---\n: [\n---\n# Bad\n") == "METADATA"


def test_the_metadata_of_a_card_is_valid_for_the_hub(pairs, tmp_path):
    folder = save_pretrained(pairs / "first", tmp_path / "folder")
    card = huggingface_hub.ModelCard.load(folder / "README.md")
    assert isinstance(card.data, huggingface_hub.ModelCardData)
    assert card.data.library_name == "plmhead"
    assert card.data.base_model == "facebook/esm2_t6_8M_UR50D"
    assert card.data.pipeline_tag == "text-classification"
    assert "plmhead" in card.data.tags
    text = hub_module.readme(
        plmhead.load(pairs / "second"), tree_of(pairs / "second"), license="mit", datasets=("lab/data",)
    )
    data = huggingface_hub.ModelCard(text).data
    assert (data.license, data.datasets, data.base_model) == ("mit", ["lab/data"], None)
    assert data.pipeline_tag == "tabular-classification"


def test_a_proposal_leaves_main_alone(hub, push, pull, pairs):
    push(pairs / "first")
    proposed = push(pairs / "second", create_pr=True)
    assert proposed.url.endswith("/discussions/1")
    assert same_bits(pull(), pairs / "first")
    assert same_bits(pull(revision=proposed.commit), pairs / "second")


def test_a_signature_goes_along_and_is_checked(hub, push, pull, pairs, tmp_path):
    pytest.importorskip("model_signing", reason="needs model-signing: pip install 'plmhead[sign]'")
    private, public = tmp_path / "private.pem", tmp_path / "public.pem"
    key = f"openssl ecparam -genkey -name prime256v1 -noout -out {private}"
    for line in (key, f"openssl ec -in {private} -pubout -out {public}"):
        subprocess.run(line.split(), check=True, capture_output=True)
    folder = save_pretrained(pairs / "first", tmp_path / "folder")
    plmhead.sign(folder / "model", private)
    assert "model.sig" in push(folder).files
    assert same_bits(pull(public_key=public), pairs / "first")
    push(pairs / "second")  # its files are others: the signature goes
    assert code(pull, public_key=public) == "SIGNATURE_MISSING"
    assert same_bits(pull(), pairs / "second")
