"""Heads in model repositories of the Hugging Face hub, and in folders of the same layout (the extra plmhead[hub]).

In a repository the pair is called `model`: model.npz, model_config.json. With them may lie model.sig, its signature, and README.md, the
card. Loading fetches the two files of one commit and nothing else (and the signature, where a key is given), and loads them as strictly
as any pair. Pickles are neither fetched nor opened.
"""

from __future__ import annotations

import contextlib
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from . import __version__
from .config import MAX_CONFIG_BYTES
from .edit import _WRITTEN_BY_SEAL
from .errors import FormatError, InputError, mismatch
from .head import Head, from_bytes, load, pair_paths, read_file, read_pair
from .hub_errors import MAIN, translated
from .pair_files import write_pair
from .whole_file import replaced
from .zip import MAX_NPZ_BYTES

NAME = "model"
NPZ, CONFIG, SIGNATURE, CARD = f"{NAME}.npz", f"{NAME}_config.json", f"{NAME}.sig", "README.md"
_MAX_CARD_BYTES = 2**22
_COMMIT = re.compile(r"[0-9a-f]{40}")

#: Files that may run code when they are loaded. `plmhead convert` reads the first three without running them.
_CONVERTED = (".pkl", ".pickle", ".joblib")
_PICKLES = (*_CONVERTED, ".skops", ".bin", ".pt", ".pth", ".dill")

Artifact = Head | str | os.PathLike[str]


class Source(NamedTuple):
    """Where on the hub a head was loaded from: `commit` is what `revision` (a branch, a tag or a commit) was at that moment."""

    repository: str
    revision: str
    commit: str


class Fetched(NamedTuple):
    """A folder of the local cache that holds the pair."""

    folder: Path
    source: Source


class Pushed(NamedTuple):
    """The commit that holds the files, all of them, and its page on the hub."""

    url: str
    commit: str
    files: tuple[str, ...]


def from_pretrained(
    repository: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    require_verified: bool = True,
    public_key: str | os.PathLike[str] | None = None,
    endpoint: str | None = None,
) -> Head:
    """The head of a repository OWNER/NAME on the hub, or of a folder that is there. `head.source` says which commit it is.

    revision: a branch, a tag or a commit; a commit that is in the cache is loaded without the network. token: None for the one that
    `hf auth login` or HF_TOKEN left, False for none. cache_dir: None for the hub's own cache. local_files_only: use no network.
    force_download: fetch again what is in the cache. public_key: a PEM file; first check model.sig by it. endpoint: None for HF_ENDPOINT.

    Raises InputError HUB_NAME, HUB_PICKLE, HUB_FILES, HUB_REPOSITORY, HUB_REVISION, HUB_ACCESS, HUB_OFFLINE, HUB_UNREACHABLE; then as
    `load` or `load_signed`; ImportError without plmhead[hub].
    """
    if os.path.isdir(repository):
        if revision is not None:
            raise InputError(
                "HUB_REVISION", "revision", "found a revision for a folder, expected none: it has no commits"
            )
        return _load(Path(repository), require_verified, public_key)
    fetched = fetch(
        repository,
        revision=revision,
        token=token,
        cache_dir=cache_dir,
        local_files_only=local_files_only,
        force_download=force_download,
        signed=public_key is not None,
        endpoint=endpoint,
    )
    try:
        head = _load(fetched.folder, require_verified, public_key)
    except FormatError as fault:
        if fault.code not in ("CONFIG_SEAL", "CONFIG_DIGEST", "NPZ_DIGEST", "SELF_TEST"):
            raise
        remedy = (
            "fetch both files again: force_download=True (--force); if that does not help, tell the repository's owner"
        )
        raise FormatError(fault.code, fault.where, fault.message, remedy) from None
    head.source = fetched.source
    return head


def _load(folder: Path, require_verified: bool, public_key: str | os.PathLike[str] | None) -> Head:
    with contextlib.suppress(OSError):  # load says it better
        _check_listing({path.name: None for path in folder.iterdir()}, str(folder), ())
    if public_key is None:
        return load(folder / NAME, require_verified=require_verified)
    from .signing import load_signed

    return load_signed(folder / NAME, public_key, require_verified=require_verified)


def fetch(
    repository: str | os.PathLike[str],
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    local_files_only: bool = False,
    force_download: bool = False,
    signed: bool = False,
    endpoint: str | None = None,
) -> Fetched:
    """The files of the pair in the cache, unchecked; with `signed` the signature too. Raises as `from_pretrained`, before its `load`."""
    hub, name = library(), _repository(repository)
    names = (CONFIG, NPZ, SIGNATURE) if signed else (CONFIG, NPZ)
    api = _api(token, endpoint)
    given: dict[str, Any] = {"cache_dir": cache_dir, "local_files_only": local_files_only}
    given["force_download"] = force_download
    with translated(name, revision):
        if not local_files_only and (force_download or not _cached(hub, name, names, revision, cache_dir)):
            # HF_HUB_OFFLINE is set: what follows looks into the cache.
            with contextlib.suppress(hub.errors.OfflineModeIsEnabled):
                info = api.model_info(name, revision=revision, files_metadata=True)
                _check_listing({file.rfilename: file.size for file in info.siblings or ()}, name, names)
        # By the revision's name, so that the cache knows it by that name too; then by the commit that it was, so that both are of one.
        config = Path(api.hf_hub_download(name, CONFIG, revision=revision, **given))
        commit = config.parent.name
        if not _COMMIT.fullmatch(commit):
            raise InputError("HUB_UNREACHABLE", name, f"found a commit {commit[:80]!r}, expected 40 hexadecimal digits")
        for other in names[1:]:
            api.hf_hub_download(name, other, revision=commit, **given)
    return Fetched(config.parent, Source(name, revision or MAIN, commit))


def _cached(
    hub: Any, name: str, names: tuple[str, ...], revision: str | None, cache_dir: str | os.PathLike[str] | None
) -> bool:
    """Whether a commit is asked for whose files are all there: what a commit holds does not change."""
    if revision is None or not _COMMIT.fullmatch(revision):
        return False
    paths = [hub.try_to_load_from_cache(name, file, cache_dir=cache_dir, revision=revision) for file in names]
    return all(isinstance(path, str) for path in paths)


def save_pretrained(artifact: Artifact, directory: str | os.PathLike[str], *, card: str | None = None) -> Path:
    """Writes a folder as a model repository has it: model.npz, model_config.json and README.md; the folder's path.

    artifact: a head, PATH/NAME, or such a folder. card: the text of README.md; without it the one beside a pair called `model`, else
    one that is there stays, with a warning where it does not name this pair's digest, else one is made of the head. The signature of a
    pair called `model` goes along: it signs that name. One of an earlier pair is removed.
    Raises FormatError for an invalid pair, and for version 0, InputError OUTPUT, HUB_PICKLE, METADATA for a link in place of a card or a
    signature and for a head of a later version.
    """
    head, files = read_artifact(artifact)
    folder = Path(directory)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError("OUTPUT", str(folder), f"cannot be made ({fault.strerror})") from None
    if card is not None:
        files[CARD] = card.encode("utf-8")
    elif CARD not in files and not (folder / CARD).exists():
        files[CARD] = readme(head, files).encode("utf-8")
    elif CARD not in files:
        _warn_of_card(folder / CARD, head.npz_sha256)
    if SIGNATURE not in files:
        _remove(folder / SIGNATURE)
    write_pair(folder / NPZ, folder / CONFIG, files.pop(NPZ), files.pop(CONFIG))
    for name, data in files.items():
        try:
            with replaced(folder / name) as file:
                file.write(data)
        except OSError as fault:
            raise InputError("OUTPUT", str(folder / name), f"cannot be written ({fault.strerror})") from None
    return folder


def _warn_of_card(path: Path, npz_sha256: str) -> None:
    with contextlib.suppress(FormatError):  # a card that cannot be read names nothing
        if npz_sha256.encode() in read_file(path, CARD, _MAX_CARD_BYTES):
            return
    message = f"{path} stays, and does not name the pair that is beside it now ({npz_sha256}): write it anew, or remove it and save again"
    warnings.warn(message, stacklevel=3)


def _remove(path: Path) -> None:
    """Of an earlier pair, before the new one is there: a signature of other files is worse than none."""
    try:
        path.unlink(missing_ok=True)
    except OSError as fault:
        raise InputError("OUTPUT", str(path), f"cannot be removed ({fault.strerror})") from None


def push_to_hub(
    artifact: Artifact,
    repository: str,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
    private: bool | None = None,
    card: str | None = None,
    commit_message: str | None = None,
    create_pr: bool = False,
    endpoint: str | None = None,
) -> Pushed:
    """Checks the pair and pushes it as one commit to OWNER/NAME, which is made where there is none.

    artifact: a head, PATH/NAME, or a folder of `save_pretrained`. revision: a branch that is there, None for main. private: for a new
    repository. card: the text of README.md; without it the one beside a pair called `model`, else one that the repository has stays, else
    one is made of the head. A signature of an earlier pair is removed in the same commit. create_pr: propose instead of commit.

    Raises FormatError for an invalid pair, and for version 0; InputError HUB_NAME, HUB_REPOSITORY, HUB_REVISION, HUB_ACCESS, HUB_CONFLICT,
    HUB_UNREACHABLE, HUB_PICKLE, METADATA for a card that the hub does not take, and as `save_pretrained`; ImportError without plmhead[hub].
    """
    hub, name = library(), _repository(repository)
    if "/" not in name:
        raise InputError("HUB_NAME", name, "found no owner, expected OWNER/NAME")
    head, files = read_artifact(artifact)
    if card is not None:
        files[CARD] = card.encode("utf-8")
    api = _api(token, endpoint)
    with translated(name, revision):
        try:
            before = api.model_info(name, revision=revision)
        except hub.errors.RepositoryNotFoundError as fault:
            if create_pr or isinstance(fault, hub.errors.GatedRepoError):
                raise
            api.create_repo(name, private=private)
            before = api.model_info(name, revision=revision)
        present = {file.rfilename for file in before.siblings or ()}
        if CARD not in files and CARD not in present:
            files[CARD] = readme(head, files).encode("utf-8")
        operations: list[Any] = [hub.CommitOperationAdd(path, data) for path, data in files.items()]
        if SIGNATURE in present - set(files):
            operations.append(hub.CommitOperationDelete(SIGNATURE))
        # Both files or none, and on the commit that was looked at: another writer between would leave a pair of two halves.
        done = api.create_commit(
            name,
            operations,
            commit_message=commit_message
            or f"Head of {head.n_features_in} features, plmhead format {head.format_version}",
            revision=revision,
            create_pr=create_pr,
            parent_commit=before.sha,
        )
    return Pushed(str(done.pr_url or done.commit_url), str(done.oid), tuple(files))


def readme(head: Head, files: Mapping[str, bytes], **publication: Any) -> str:
    """README.md for a head that comes without one: what the artifact itself says. `publication`: license, datasets."""
    import hashlib

    from .card import Publication, make_card

    digests = [(name, hashlib.sha256(files[name]).hexdigest()) for name in (NPZ, CONFIG)]
    signature = f"Signed: {SIGNATURE}." if SIGNATURE in files else "Not signed."
    return make_card(head, NAME, digests=digests, signature=signature, publication=Publication(**publication)).readme


def library() -> Any:
    """The package huggingface_hub. Raises ImportError that names the extra."""
    try:
        import huggingface_hub
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError:
        raise ImportError("the hub needs huggingface_hub: pip install 'plmhead[hub]'") from None
    return huggingface_hub


def _api(token: str | bool | None, endpoint: str | None) -> Any:
    return library().HfApi(endpoint=endpoint, token=token, library_name="plmhead", library_version=__version__)


def _repository(repository: str | os.PathLike[str]) -> str:
    """The name, if it can be one on the hub. Raises InputError HUB_NAME, HUB_PICKLE."""
    name = os.fspath(repository)
    _refuse_pickle([name], name)
    if os.path.exists(name) or not isinstance(repository, str):
        kind = "a file" if os.path.exists(name) else "no folder"
        raise InputError("HUB_NAME", name, f"found {kind} of that path, expected a folder, or OWNER/NAME on the hub")
    hub = library()
    try:
        hub.utils.validate_repo_id(name)
    except hub.errors.HFValidationError:
        raise InputError("HUB_NAME", name, f"found {name!r}, expected OWNER/NAME, or a folder that is there") from None
    return name


def _refuse_pickle(names: list[str], where: str) -> None:
    pickles = sorted(name for name in names if name.lower().endswith(_PICKLES))
    if not pickles:
        return
    found = f"found {', '.join(pickles[:3])}{' and more' * (len(pickles) > 3)}, expected {NPZ} and {CONFIG}"
    other = "open it where you trust it and pass the fitted estimator to plmhead.save"
    remedy = None if any(name.lower().endswith(_CONVERTED) for name in pickles) else other
    raise InputError("HUB_PICKLE", where, found, remedy)


def _check_listing(sizes: Mapping[str, int | None], where: str, names: tuple[str, ...]) -> None:
    """Refuses, before anything is fetched, what holds no pair, and files larger than a pair can be."""
    if NPZ not in sizes or CONFIG not in sizes:
        _refuse_pickle(list(sizes), where)
        pairs = [name for name in sizes if name.endswith("_config.json") and f"{name[:-12]}.npz" in sizes]
        found = f"the pair {pairs[0]}" if pairs else f"{len(sizes)} files, none of them a pair"
        raise InputError("HUB_FILES", where, f"found {found}, expected {NPZ} and {CONFIG}")
    if SIGNATURE in names and SIGNATURE not in sizes:
        raise FormatError("SIGNATURE_MISSING", "signature", f"found no {SIGNATURE} in {where}, expected it")
    for name, word, most in ((CONFIG, "config", MAX_CONFIG_BYTES), (NPZ, "npz", MAX_NPZ_BYTES)):
        if (sizes[name] or 0) > most:
            raise mismatch("FILE_SIZE", word, f"{sizes[name]} bytes", f"at most {most}")


def read_artifact(artifact: Artifact) -> tuple[Head, dict[str, bytes]]:
    """The checked head and its files, by their names in a repository."""
    if isinstance(artifact, Head):
        return _rebuilt(artifact)
    path = Path(artifact) / NAME if os.path.isdir(artifact) else Path(artifact)
    _refuse_pickle([path.name], str(path))
    npz_path, config_path = pair_paths(path)
    npz, config = read_pair(npz_path, config_path)
    head = from_bytes(npz, config, require_verified=True)
    files = {CONFIG: config, NPZ: npz}
    if npz_path.name == NPZ:
        for name in (SIGNATURE, CARD):
            if (npz_path.parent / name).exists():
                files[name] = read_file(_own(npz_path.parent / name), name, _MAX_CARD_BYTES)
    return head, files


def _own(path: Path) -> Path:
    """The file, if it is none of somewhere else: these are published as they are. The hub's cache links to its blobs."""
    blobs = path.parent.parent.parent / "blobs"
    in_cache = path.parent.parent.name == "snapshots" and path.resolve().parent == blobs.resolve()
    if path.is_symlink() and not in_cache:
        found = "found a link, expected the file itself: it is published with the pair"
        raise InputError(
            "METADATA", str(path), found, "put a copy of what the link leads to in its place, if that may be published"
        )
    return path


def _rebuilt(head: Head) -> tuple[Head, dict[str, bytes]]:
    """The bytes of a head in memory: those of its file, where plmhead wrote that."""
    from .writer import FORMAT_VERSION, build

    if not head.verified:
        raise FormatError("NOT_VERIFIED", "/format", "found version 0, expected version 1, which has digests")
    if head.format_version != FORMAT_VERSION:
        found = (
            f"found version {head.format_version}, expected {FORMAT_VERSION}: what a later version adds would be lost"
        )
        raise InputError("METADATA", "/format_version", found, "name the files in place of the head: PATH/NAME")
    members = {name: value for name, value in head.config.items() if name not in _WRITTEN_BY_SEAL}
    golden = head.config.get("golden")
    built = build(members, head.coef, head.intercept, head.classes, head.n_iter, golden=golden)
    return built.head, {CONFIG: built.config, NPZ: built.npz}
