"""The two sets of sequences that are timed: random letters, the same on every machine."""

from __future__ import annotations

import random
from typing import NamedTuple

RESIDUES = "ACDEFGHIKLMNPQRSTVWY"


class Lengths(NamedTuple):
    name: str
    least: int
    most: int
    about: str

    def draw(self, rng: random.Random) -> int:
        """Uniform in the logarithm: proteins are more often short than long."""
        return round(self.least * (self.most / self.least) ** rng.random())


SETS = {
    lengths.name: lengths
    for lengths in (
        Lengths("vh", 110, 130, "110 to 130 residues, as variable domains of antibodies have"),
        Lengths("wide", 30, 1022, "30 to 1,022 residues"),
    )
}


def sequences(name: str, count: int) -> list[str]:
    """`count` sequences of one of the sets, in an order that is not that of their lengths."""
    rng = random.Random(f"{name} {count}")
    lengths = [SETS[name].draw(rng) for _ in range(count)]
    return ["".join(rng.choices(RESIDUES, k=length)) for length in lengths]
