"""`card`: README.md and one HTML page about an artifact."""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config import MAX_CONFIG_BYTES
from ..errors import FormatError, InputError
from ..head import Head, load, pair_paths, read_file
from .dataset import add_bootstrap_options, add_data_options
from .evaluate import evaluated
from .terminal import add_threshold_options, output, show

if TYPE_CHECKING:
    from ..card import Evaluated
    from ..card.document import Text

_MAX_CARD_BYTES = 2**26
#: The last line of both files: by its digest a file that somebody has edited since is known.
_SEAL = "<!-- plmhead card {} -->\n"
_SEALED = re.compile(rb"(.*)<!-- plmhead card ([0-9a-f]{64}) -->\n", re.DOTALL)


def run_card(options: argparse.Namespace) -> None:
    from ..card import Publication, make_card

    publication = Publication(options.license, tuple(options.dataset))
    head, state, signature = _loaded(options)
    name = pair_paths(options.artifact)[0].stem
    folder = Path(options.out) if options.out else pair_paths(options.artifact)[0].parent
    readme, page = folder / "README.md", folder / f"{name}.html"
    if not options.replace:
        _refuse_edited(readme)
        _refuse_edited(page)
    rows = _evaluated(head, options)
    card = make_card(
        head,
        name,
        evaluated=rows,
        digests=_digests(options.artifact, head),
        signature=signature,
        publication=publication,
    )
    _write(folder, {readme: card.readme, page: card.page})
    written = {"name": name, "readme": str(readme), "html": str(page), "evaluated": rows is not None}
    show({**written, "signature": state}, options.json)


def _loaded(options: argparse.Namespace) -> tuple[Head, str, Text]:
    """The head, and what is known of a signature: a word, and a text for the card."""
    from ..card.document import Code
    from ..signing import load_signed, signature_path

    path = signature_path(options.artifact)
    if options.public_key is not None:
        head = load_signed(options.artifact, options.public_key)
        key = hashlib.sha256(Path(options.public_key).read_bytes()).hexdigest()
        return (
            head,
            "checked",
            ("Signed: ", Code(path.name), " is by the key in a PEM file of SHA-256 ", Code(key), "."),
        )
    head = load(options.artifact)
    if path.exists():
        return head, "unchecked", ("There is a signature, ", Code(path.name), ", which was not checked for this card.")
    return head, "none", "Not signed."


def _evaluated(head: Head, options: argparse.Namespace) -> Evaluated | None:
    if not (options.data or options.embeddings):
        for name in ("labels", "group_column", "threshold", "assay_type"):
            if getattr(options, name) is not None:
                option = f"--{name.replace('_', '-')}"
                raise InputError("ARGUMENT", option, "found it without --data or --embeddings, where it has no effect")
        return None
    from ..card import Evaluated
    from ..evaluate import label_codes
    from ..metrics import Answer

    found, codes, X = evaluated(head, options)
    _, p, labels = head.score_all(X, options.threshold, options.assay_type)
    return Evaluated(found, codes, Answer(label_codes(head, labels), p))


def _digests(artifact: str, head: Head) -> list[tuple[str, str]]:
    npz, config = pair_paths(artifact)
    data = read_file(config, "config", MAX_CONFIG_BYTES)
    return [(npz.name, head.npz_sha256), (config.name, hashlib.sha256(data).hexdigest())]


def _refuse_edited(path: Path) -> None:
    """A file that this command did not write, or that was edited since, is somebody's work."""
    if not path.exists():
        return
    try:
        text = read_file(path, path.name, _MAX_CARD_BYTES)
    except FormatError as fault:
        raise InputError("OUTPUT", str(path), fault.message) from None
    sealed = _SEALED.fullmatch(text)
    if sealed is None or hashlib.sha256(sealed[1]).hexdigest() != sealed[2].decode():
        message = "found a file that plmhead card did not write, or that was edited since, expected none"
        raise InputError("OUTPUT", str(path), message, "--out FOLDER, or --replace to lose that file")


def _write(folder: Path, texts: dict[Path, str]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise InputError("OUTPUT", str(folder), f"cannot be made: {fault.strerror}") from None
    for path, text in texts.items():
        with output(str(path)) as file:
            file.write(text + _SEAL.format(hashlib.sha256(text.encode()).hexdigest()))


def add(command: Any) -> None:
    """Declares the verb."""
    parser = command("card", run_card, "write README.md and an HTML page about an artifact")
    parser.add_argument("--out", metavar="FOLDER", help="where to write them (default: beside the artifact)")
    parser.add_argument("--replace", action="store_true", help="also replace a README.md that somebody else wrote")
    parser.add_argument("--license", default="unknown", metavar="ID", help="a hub's name of it, such as apache-2.0")
    parser.add_argument(
        "--dataset", action="append", default=[], metavar="ID", help="a data set on a hub; may be given again"
    )
    parser.add_argument("--public-key", metavar="FILE.pem", help="check NAME.sig by this key, and say so")
    parser.add_argument("--json", action="store_true", help="one line, one object")
    add_data_options(parser)
    add_threshold_options(parser)
    add_bootstrap_options(parser)
