"""`push` and `fetch`: heads in model repositories of the Hugging Face hub."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..config import MAX_CONFIG_BYTES
from ..errors import FormatError, InputError
from ..head import Head, from_bytes, pair_paths, read_file
from ..zip import MAX_NPZ_BYTES
from .terminal import show


def _quiet() -> None:
    """No progress bars of the client where nobody looks."""
    from .. import hub

    if not sys.stderr.isatty():
        hub.library().utils.disable_progress_bars()


def run_push(options: argparse.Namespace) -> int:
    return _answered(_pushed, options)


def run_fetch(options: argparse.Namespace) -> int:
    return _answered(_fetched, options)


def _answered(work: Callable[[argparse.Namespace], dict[str, Any]], options: argparse.Namespace) -> int:
    """Prints what the work found; with --json a refusal too is an object on standard output."""
    try:
        members = work(options)
    except (FormatError, InputError) as fault:
        if not options.json:
            raise
        refusal = {"code": fault.code, "where": fault.where, "message": fault.message}
        show({"repository": options.repository, "ok": False, **refusal}, True)
        return 1
    show({"repository": options.repository, "ok": True, **members}, options.json)
    return 0


def _pushed(options: argparse.Namespace) -> dict[str, Any]:
    from .. import hub

    _quiet()
    card = None
    if options.license is not None or options.dataset:
        head, files = hub.read_artifact(options.artifact)
        given = {"license": options.license, "datasets": tuple(options.dataset)}
        card = hub.readme(head, files, **{name: value for name, value in given.items() if value})
    pushed = hub.push_to_hub(
        options.artifact,
        options.repository,
        revision=options.revision,
        private=True if options.private else None,
        card=card,
        commit_message=options.message,
        create_pr=options.create_pr,
    )
    return {"commit": pushed.commit, "url": pushed.url, "files": list(pushed.files)}


def _fetched(options: argparse.Namespace) -> dict[str, Any]:
    from .. import hub

    if not os.path.isdir(options.repository):
        _quiet()
    head = hub.from_pretrained(
        options.repository,
        revision=options.revision,
        cache_dir=options.cache_dir,
        local_files_only=options.offline,
        force_download=options.force,
        require_verified=not options.allow_version_0,
        public_key=options.public_key,
    )
    folder, source = Path(options.repository), head.source
    if source is not None:
        given = {"cache_dir": options.cache_dir, "local_files_only": True}
        folder = hub.fetch(options.repository, revision=source.commit, **given).folder
    npz, config = (folder / hub.NPZ, folder / hub.CONFIG) if options.out is None else _copied(head, folder, options.out)
    return {
        "revision": None if source is None else source.revision,
        "commit": None if source is None else source.commit,
        "npz": str(npz),
        "config": str(config),
        "npz_sha256": head.npz_sha256,
        "format_version": head.format_version,
        "verified": head.verified,
        "signed": options.public_key is not None,
    }


def _copied(head: Head, folder: Path, name: str) -> tuple[Path, Path]:
    """The paths of a copy of the pair that was loaded."""
    from .. import hub
    from ..pair_files import write_pair

    config = read_file(folder / hub.CONFIG, "config", MAX_CONFIG_BYTES)
    npz = read_file(folder / hub.NPZ, "npz", MAX_NPZ_BYTES)
    again = from_bytes(npz, config)
    if (again.npz_sha256, again.config) != (head.npz_sha256, head.config):
        raise InputError("OUTPUT", name, "found other files than were checked a moment ago, expected the same")
    target = pair_paths(name)
    write_pair(*target, npz, config)
    return target


def add(command: Any) -> None:
    """Declares the verbs."""
    push = command("push", run_push, "push a pair and its card to a model repository, as one commit")
    push.add_argument("repository", metavar="OWNER/NAME", help="made where there is none")
    push.add_argument("--revision", metavar="BRANCH", help="a branch that is there (default main)")
    push.add_argument("--private", action="store_true", help="for a repository that is made")
    push.add_argument("--license", metavar="ID", help="of the head, such as apache-2.0; makes README.md anew")
    push.add_argument("--dataset", action="append", default=[], metavar="ID", help="on the hub; makes README.md anew")
    push.add_argument("--message", metavar="TEXT", help="of the commit")
    push.add_argument("--create-pr", action="store_true", help="propose the commit instead")
    push.add_argument("--json", action="store_true", help="one line, one object")
    fetch = command("fetch", run_fetch, "fetch a pair from a model repository and check it", artifact=False)
    fetch.add_argument("repository", metavar="OWNER/NAME", help="on the hub, or a folder")
    fetch.add_argument("--revision", metavar="NAME", help="a branch, a tag or a commit (default main)")
    fetch.add_argument("--out", metavar="PATH/NAME", help="copy the pair there (default: it stays in the cache)")
    fetch.add_argument("--public-key", metavar="FILE.pem", help="first check model.sig, by this key, over both files")
    fetch.add_argument("--allow-version-0", action="store_true", help="take a pair without digests")
    fetch.add_argument("--offline", action="store_true", help="use the cache alone")
    fetch.add_argument("--force", action="store_true", help="fetch again what is in the cache")
    fetch.add_argument("--cache-dir", metavar="FOLDER", help="default: the hub's own cache")
    fetch.add_argument("--json", action="store_true", help="one line, one object")
