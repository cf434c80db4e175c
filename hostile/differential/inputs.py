"""Input i of a seed: a base, up to three mutations, the two files, and what to ask of a loader that accepts them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from conformance.oracle import NonFiniteError
from conformance.pair import MEMBERS, Pair
from conformance.zip_bytes import Archive

from . import agreement_faults, field_faults, npy_faults, pool, queries, text_faults, zip_faults
from .queries import Query

Mutation = Callable[[Random, Pair], bool | None]

NPZ_BYTES = 150_994_944
UNSEALED = 0.05  # share of inputs with a stale CRC-32, npz_sha256 or config_sha256

#: How often each kind of mutation is drawn. Those of late phases are drawn more often, since what comes before hides them.
AREAS: tuple[tuple[int, tuple[tuple[int, Mutation], ...]], ...] = (
    (11, text_faults.TEXT),
    (7, field_faults.VERSION),
    (5, text_faults.SEAL),
    (17, field_faults.FIELDS),
    (14, zip_faults.FAULTS),
    (14, npy_faults.HEADERS),
    (14, npy_faults.ARRAYS),
    (12, agreement_faults.AGREEMENT),
    (9, agreement_faults.SELF_TEST),
    (6, field_faults.HARMLESS),
    (5, npy_faults.HARMLESS),
    (4, zip_faults.HARMLESS),
    (6, text_faults.HARMLESS),
)
FAULTY = ("text.", "field.", "zip.", "npy.")
COUNTS = (0, 1, 1, 1, 1, 1, 1, 2, 2, 3)


@dataclass
class Input:
    index: int
    npz: bytes
    config: bytes
    version_0: bool  # of the base: such a pair has no seal, no NPZ digest, no agreement, no self-test
    mutations: list[str]
    pad: int = 0  # zeros behind the NPZ up to this size, written as a hole
    queries: list[Query] = field(default_factory=list)


def drawn(rng: Random, table: tuple[tuple[int, object], ...]) -> object:
    """One of the second members, as often as the first says."""
    at = rng.randrange(sum(weight for weight, _ in table))
    for weight, thing in table:
        at -= weight
        if at < 0:
            return thing
    raise AssertionError


def crossed(rng: Random, pair: Pair, other: Pair) -> bool | None:
    """A part of another base takes the place of this one's: members of the config, arrays, or a whole file."""
    kind = rng.randrange(3)
    if kind == 0:
        for name in rng.sample(list(other.config), rng.randrange(1, 4)):
            pair.config[name] = pool.tree(other.config[name])
    elif kind == 1:
        for member in rng.sample(MEMBERS, rng.randrange(1, 4)):
            mine = [entry for entry in pair.archive.entries if entry.name == f"{member}.npy".encode()]
            for entry in mine:
                entry.data = other.entry(member).data
    else:
        pair.archive = pool.fork(other).archive
    return None


def plan(rng: Random) -> list[str]:
    """The kinds of mutation of one input, in the order in which they are done."""
    kinds = ["area"] * rng.choice(COUNTS)
    if rng.random() < 0.04:
        kinds.append("cross")
    if rng.random() < UNSEALED:
        kinds.append("unsealed")
    if rng.random() < 0.004:
        kinds.append("size")
    return kinds


def applied(rng: Random, kind: str, pair: Pair, seed: int) -> str | None:
    """Does one mutation; its name. Another is drawn where it has nothing to change."""
    if kind == "cross":
        crossed(rng, pair, pool.base(seed, rng.randrange(pool.BASES)))
        return "cross"
    for _ in range(8):
        table = {"unsealed": text_faults.UNSEALED, "size": text_faults.SIZE}.get(kind) or drawn(rng, AREAS)
        mutation = drawn(rng, table)
        if mutation(rng, pair) is not False:
            return f"{mutation.__module__.rpartition('.')[2].partition('_')[0]}.{mutation.__name__}"
    return None


def make(seed: int, index: int, keep: frozenset[int] | None = None) -> Input:
    """Input `index` of `seed`; with `keep`, only those of its mutations, so that a finding can be made smaller."""
    rng = Random(f"{seed}/{index}")
    number = rng.randrange(pool.BASES)
    original = pool.base(seed, number)
    pair, kinds = pool.fork(original), plan(rng)
    names = []
    for step, kind in enumerate(kinds):
        own = Random(f"{seed}/{index}/{step}")
        if keep is None or step in keep:
            names.append(applied(own, kind, pair, seed) or "nothing")
    if any(name.startswith(FAULTY) for name in names) and rng.random() < 0.5:
        pair.own_records = None  # most of these are refused before the self-test, which takes long to compute
    npz, config = files(pair)
    made = Input(index, npz, pair.lead + config, original.version == "0", [f"base {number}", *names])
    large = rng.random()
    if large < 0.00008 and (keep is None or len(kinds) in keep):
        made.pad = NPZ_BYTES if large < 0.00001 else NPZ_BYTES + 1
        made.mutations.append("npz size")
    decision = pair.config.get("decision")
    assays = decision.get("assay_thresholds") if isinstance(decision, dict) else None
    names_of_assays = list(assays) if isinstance(assays, dict) else ["ELISA", "PSR"]
    made.queries = queries.draw(rng, original.head.n, names_of_assays)
    return made


def forget_removed(archive: Archive) -> None:
    """An entry that a later mutation has taken out is named by no directory order and holds no other's data."""
    count = len(archive.entries)
    if archive.directory_order is not None:
        archive.directory_order = [i for i in archive.directory_order if i < count]
    for number, entry in enumerate(archive.entries):
        if entry.at is not None and entry.at >= number:
            entry.at = None


def files(pair: Pair) -> tuple[bytes, bytes]:
    """Both files, with the self-test that the mutated head is due, or as it was where that overflows."""
    forget_removed(pair.archive)
    try:
        return pair.files()
    except NonFiniteError:
        pair.own_records = None
        return pair.files()


def steps(seed: int, index: int) -> int:
    """How many parts of an input `keep` can leave out."""
    rng = Random(f"{seed}/{index}")
    rng.randrange(pool.BASES)
    return len(plan(rng)) + 1
