"""Ways to break a pair: each returns an edit, a function that changes one thing in a pair."""

from collections.abc import Callable

from ..npy_bytes import preamble, words
from ..pair import Pair
from ..suite import Suite
from .base import PLAIN, V0

Edit = Callable[[Pair], object]


def swap(old: str | bytes, new: str | bytes) -> Edit:
    """Replace text in the config before it is sealed; it must be there once."""
    before, after = (s.encode() if isinstance(s, str) else s for s in (old, new))

    def edit(body: bytes) -> bytes:
        if body.count(before) != 1:
            raise ValueError(f"{before!r} occurs {body.count(before)} times")
        return body.replace(before, after)

    return lambda pair: pair.edit_body.append(edit)


def text(edit: Callable[[bytes], bytes]) -> Edit:
    """Change the finished config file."""
    return lambda pair: pair.edit_text.append(edit)


def whole(data: bytes) -> Edit:
    return text(lambda _: data)


def member(token: str | bytes) -> Edit:
    """Put a member `extensions` with this raw value, in a v1 config, last but for npz_sha256 and the seal."""
    raw = token.encode() if isinstance(token, str) else token
    return swap(b'  "npz_sha256"', b'  "extensions": {"org.x": ' + raw + b'},\n  "npz_sha256"')


def member_0(token: str | bytes) -> Edit:
    """Add a last member `x` with this raw value to a version 0 config, which ignores it; its files are smaller."""
    raw = token.encode() if isinstance(token, str) else token
    return lambda pair: pair.edit_body.append(lambda b: b + b',\n  "x": ' + raw)


def edit_config(pair: Pair, **changes: object) -> None:
    for name, value in changes.items():
        if value is ...:
            pair.config.pop(name)
        else:
            pair.config[name] = value


def node_at(config: object, path: str) -> object:
    for step in path.split("/")[1:]:
        config = config[int(step)] if isinstance(config, list) else config[step]
    return config


def put(path: str, name: str, value: object) -> Edit:
    def edit(pair: Pair) -> None:
        node = node_at(pair.config, path)
        node[int(name) if isinstance(node, list) else name] = value

    return edit


def escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def npz(edit: Callable[[bytes], bytes]) -> Edit:
    """Change the finished archive; the digests in the config follow."""
    return lambda pair: pair.edit_npz.append(edit)


def data_edit(member: str, edit: Callable[[bytes], bytes]) -> Edit:
    return lambda pair: pair.set_npy(member, edit(pair.entry(member).data))


def head_edit(member: str, descr: str, shape: object, *, data: bytes | None = None, **parts: object) -> Edit:
    """Replace the preamble of a member, and its data where given."""

    def edit(old: bytes) -> bytes:
        return preamble(descr, shape, **parts) + (old[128:] if data is None else data)

    return data_edit(member, edit)


def patch(member: str, index: int, bits: int, size: int = 8) -> Edit:
    """Replace one element's bytes."""

    def edit(b: bytes) -> bytes:
        at = 128 + index * size
        return b[:at] + words([bits], size) + b[at + size :]

    return data_edit(member, edit)


def changed(suite: Suite, area: str) -> Callable[..., None]:
    def reject(
        slug: str,
        clause: str,
        code: str,
        why: str,
        mutation: str,
        edit: Edit,
        where: str | None = None,
        base: str = PLAIN,
    ) -> None:
        suite.reject(f"{area}/{slug}", clause, code, where, why, base, mutation, edit)

    return reject


def rejecter(suite: Suite, area: str, clause: str, code: str) -> Callable[..., None]:
    def reject(
        slug: str,
        why: str,
        mutation: str,
        edit: Edit,
        member: str = "coef",
        base: str = PLAIN,
        clause: str = clause,
        code: str = code,
    ) -> None:
        suite.reject(f"{area}/{slug}", clause, code, f"{member}.npy", why, base, mutation, edit)

    return reject


def text_reject(suite: Suite, area: str, clause: str, code: str, base: str = V0) -> Callable[..., None]:
    def reject(slug: str, why: str, mutation: str, edit: Edit, base: str = base) -> None:
        suite.reject(f"{area}/{slug}", clause, code, None, why, base, mutation, edit)

    return reject
