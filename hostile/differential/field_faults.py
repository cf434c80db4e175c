"""Mutations of the config as a tree: members, types, values, versions, and what must agree with the arrays."""

from collections.abc import Callable
from random import Random

from conformance.json_bytes import Raw
from conformance.pair import Pair

from . import pool, values
from .samples import SAMPLES, VERSIONS

Mutation = Callable[[Random, Pair], bool | None]


def place(rng: Random, config: dict[str, object]) -> tuple[dict | list, object]:
    """A random member or item: the object or array that holds it, and its name or index there."""
    holder: dict | list = config
    while True:
        key = rng.choice(list(holder)) if isinstance(holder, dict) else rng.randrange(len(holder))
        value = holder[key]
        if not isinstance(value, (dict, list)) or not value or rng.random() < 0.25:
            return holder, key
        holder = value


def objects(config: object) -> list[dict[str, object]]:
    found = [config] if isinstance(config, dict) else []
    children = config.values() if isinstance(config, dict) else config
    for child in children:
        if isinstance(child, (dict, list)):
            found += objects(child)
    return found


def remove(rng: Random, pair: Pair) -> bool | None:
    holder, key = place(rng, pair.config)
    if holder is pair.config and len(pair.config) == 1:
        return False
    del holder[key]
    return None


def retype(rng: Random, pair: Pair) -> None:
    holder, key = place(rng, pair.config)
    holder[key] = any_value(rng)


def any_value(rng: Random, depth: int = 0) -> object:
    kind = rng.randrange(9 if depth < 3 else 7)
    if kind < 3:
        return (None, True, False)[kind]
    if kind < 5:
        return values.integer(rng) if kind == 3 else Raw(rng.choice(("0.5", "1.0", "-0.0", "1e3", "0.0")))
    if kind < 7:
        return values.text(rng) if kind == 5 else ""
    if kind == 7:
        return [any_value(rng, depth + 1) for _ in range(rng.randrange(3))]
    return {rng.choice(values.NAMES): any_value(rng, depth + 1) for _ in range(rng.randrange(3))}


def sample(rng: Random, pair: Pair) -> bool | None:
    """A value from the table for a member, wherever it stands."""
    found = [(holder, name) for holder in objects(pair.config) for name in holder if name in SAMPLES]
    if not found:
        return False
    holder, name = rng.choice(found)
    holder[name] = pool.tree(rng.choice(SAMPLES[name]))
    return None


def number(rng: Random, pair: Pair) -> bool | None:
    """A number becomes another, in any spelling."""
    found = list(numbers(pair.config))
    if not found:
        return False
    holder, key = rng.choice(found)
    new = rng.randrange(4)
    if rng.random() < 0.05:
        holder[key] = rng.choice(("0.5", "1", "0"))
        return None
    holder[key] = (
        Raw(values.unit_token(rng) if new < 2 else values.token(rng)) if new < 3 else Raw(str(values.integer(rng)))
    )
    return None


def numbers(config: object) -> list[tuple[dict | list, object]]:
    found = []
    for key, value in list(config.items()) if isinstance(config, dict) else list(enumerate(config)):
        if isinstance(value, (dict, list)):
            found += numbers(value)
        elif isinstance(value, (Raw, int)) and not isinstance(value, bool):
            found.append((config, key))
    return found


def string(rng: Random, pair: Pair) -> bool | None:
    """A string or a name becomes one near it, or another."""
    holder, key = place(rng, pair.config)
    value = holder[key]
    if isinstance(value, str) and rng.random() < 0.7:
        holder[key] = values.edited(rng, value) if rng.random() < 0.7 else values.text(rng)
    elif isinstance(holder, dict):
        rename(holder, key, values.edited(rng, key) if rng.random() < 0.7 else values.text(rng))
    else:
        return False
    return None


def rename(holder: dict[str, object], old: str, new: str) -> None:
    """In its place; where the new name was there already, that member is the one that stays."""
    items = [(new if name == old else name, value) for name, value in holder.items()]
    holder.clear()
    holder.update(items)


def unknown(rng: Random, pair: Pair) -> None:
    """A member more, anywhere in an object, of a name from elsewhere or of none."""
    holder = rng.choice(objects(pair.config))
    items = list(holder.items())
    name = rng.choice(values.NAMES) if rng.random() < 0.7 else values.text(rng)
    items.insert(rng.randrange(len(items) + 1), (name, any_value(rng)))
    holder.clear()
    holder.update(items)


def resize(rng: Random, pair: Pair) -> bool | None:
    """An array of another length."""
    found = [value for holder in objects(pair.config) for value in holder.values() if isinstance(value, list)]
    if not found:
        return False
    array = rng.choice(found)
    if array and rng.random() < 0.5:
        del array[rng.randrange(len(array))]
    else:
        array += [pool.tree(array[-1]) if array else any_value(rng)] * rng.choice((1, 1, 2, 16))
    return None


def version(rng: Random, pair: Pair) -> None:
    """format, format_version and min_reader: there, not there, of other types and values."""
    config = pair.config
    if "format" not in config and rng.random() < 0.5:
        config["format"] = rng.choice(("plmhead", "PLMHEAD", None))
        return
    for name in rng.sample(("format", "format_version", "min_reader"), rng.choice((1, 1, 2))):
        if rng.random() < 0.15:
            config.pop(name, None)
        elif name == "format":
            config[name] = rng.choice(("plmhead", "plmhead\n", "Plmhead", "", None, 1, ["plmhead"], "plmhe\u0430d"))
        else:
            config[name] = rng.choice(VERSIONS) if rng.random() < 0.9 else any_value(rng)


def future(rng: Random, pair: Pair) -> bool | None:
    """A later minor version with members that this reader does not know, and must ignore."""
    if "format_version" not in pair.config:
        return False
    pair.config["format_version"] = rng.choice(("1.1", "1.7", "1.9999"))
    pair.config["min_reader"] = rng.choice(("1.0", "1.0", "1.0", "1.1"))
    for _ in range(rng.randrange(1, 4)):
        unknown(rng, pair)
    return None


def shuffle(rng: Random, pair: Pair) -> None:
    """The members of an object in another order: allowed, but seen in maps and in the first unknown member."""
    holder = rng.choice(objects(pair.config))
    items = list(holder.items())
    rng.shuffle(items)
    holder.clear()
    holder.update(items)


def assays(rng: Random, pair: Pair) -> bool | None:
    """Names and thresholds of assays, allowed for the most part."""
    decision = pair.config.get("decision")
    if not isinstance(decision, dict):
        return False
    names = [
        rng.choice(values.NAMES) or "x" if rng.random() < 0.6 else values.text(rng) for _ in range(rng.randrange(1, 5))
    ]
    decision["assay_thresholds"] = {name: Raw(values.unit_token(rng)) for name in names}
    return None


def allowed(rng: Random, pair: Pair) -> bool | None:
    """A descriptive value that is allowed, from the whole of its range."""
    config = pair.config
    name = rng.choice(("C", "max_iter", "random_state", "solver", "threshold", "extensions", "metrics"))
    if name == "threshold":
        decision = config.get("decision")
        if not isinstance(decision, dict):
            return False
        decision["threshold"] = Raw(values.unit_token(rng))
    elif name == "C":
        config["C"] = Raw(values.between(rng, rng.randrange(0, 2046) << 52 | rng.getrandbits(52)))
    elif name == "extensions":
        config["extensions"] = {f"org.{rng.choice('abc')}{rng.randrange(99)}": any_value(rng) for _ in range(3)}
    elif name == "metrics":
        config["metrics"] = {"train": {rng.choice("abcd"): Raw(values.respelled(rng, "12.5")) for _ in range(2)}}
    else:
        config[name] = {"max_iter": rng.randrange(2**31), "random_state": rng.randrange(2**32), "solver": "saga"}[name]
    if "format" in config and "npz_sha256" in config:
        config["npz_sha256"] = config.pop("npz_sha256")
    return None


VERSION: tuple[tuple[int, Mutation], ...] = ((5, version), (1, future))
FIELDS: tuple[tuple[int, Mutation], ...] = (
    (3, remove),
    (4, retype),
    (12, sample),
    (4, number),
    (5, string),
    (4, unknown),
    (2, resize),
    (1, assays),
)
HARMLESS: tuple[tuple[int, Mutation], ...] = ((3, future), (3, shuffle), (3, assays), (5, allowed), (1, sample))
