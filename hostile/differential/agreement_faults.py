"""Mutations of what the config says of the arrays: section 11 and the self-test."""

from collections.abc import Callable
from random import Random

from conformance.pair import Pair

from . import pool, values

Mutation = Callable[[Random, Pair], bool | None]


def disagree(rng: Random, pair: Pair) -> bool | None:
    """One of the five agreements of section 11 broken, or just kept."""
    config, head = pair.config, pair.head
    kind = rng.randrange(5)
    if kind == 0 and isinstance(config.get("embedding"), dict):
        config["embedding"]["dimension"] = rng.choice((head.n + 1, head.n - 1 or 2, 65536, 1))
    elif kind == 1:
        config["class_weight"] = dict.fromkeys(hostile_keys(rng, pair), 1)
    elif kind == 2 and isinstance(config.get("self_test"), list):
        return record_length(rng, config["self_test"], ("decision", "probability"))
    elif kind == 3 and isinstance(config.get("golden"), list):
        return record_length(rng, config["golden"], ("embedding", "decision", "probability"))
    elif kind == 4 and "format" in config:
        holder = config.get("training")
        counts = {"rows_by_class": [1] * rng.choice((1, 2, 3, 4, 5, 1024))}
        config["training"] = {**holder, **counts} if isinstance(holder, dict) else counts
    else:
        return False
    return None


def hostile_keys(rng: Random, pair: Pair) -> list[str]:
    """Names near the keys of the classes: in another order, of other types and spellings."""
    keys = [pool.label_key(pair.head, label) for label in pair.head.labels]
    if rng.random() < 0.5:
        rng.shuffle(keys)
    at = rng.randrange(len(keys))
    old = keys[at]
    near = (
        old + ".0",
        "+" + old,
        "0" + old,
        "-" + old,
        old.upper(),
        old.title(),
        old + "\n",
        f" {old}",
        old.swapcase(),
        "-0",
        "True",
        "1e0",
        values.edited(rng, old),
    )
    if rng.random() < 0.7:
        keys[at] = rng.choice(near)
    return keys[: rng.randrange(1, len(keys) + 1)]


def record_length(rng: Random, records: list[object], names: tuple[str, ...]) -> bool | None:
    if not records or not all(isinstance(record, dict) for record in records):
        return False
    record, name = rng.choice(records), rng.choice(names)
    array = record.get(name)
    if not isinstance(array, list) or not array:
        return False
    if len(array) > 1 and rng.random() < 0.4:
        array.pop()
    else:
        array += [array[0]] * rng.choice((1, 1, 2))
    return None


def wrong_score(rng: Random, pair: Pair) -> bool | None:
    """A self-test value one or more bits away."""
    records = pair.config.get("self_test")
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        return False
    array = rng.choice(records).get(rng.choice(("decision", "probability")))
    if not isinstance(array, list) or not array:
        return False
    at = rng.randrange(len(array))
    if not isinstance(array[at], str) or len(array[at]) != 16:
        return False
    kind = rng.randrange(4)
    bits = int(array[at], 16) ^ (1, 1 << 63, 1 << rng.randrange(64), rng.getrandbits(64) | 1)[kind]
    array[at] = (
        f"{bits:016x}"
        if rng.random() < 0.9
        else rng.choice(("7ff0000000000000", "7ff8000000000000", "8000000000000000"))
    )
    return None


AGREEMENT: tuple[tuple[int, Mutation], ...] = ((1, disagree),)
SELF_TEST: tuple[tuple[int, Mutation], ...] = ((1, wrong_score),)
