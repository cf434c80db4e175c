"""Write examples/demo_sequences.csv: 200 synthetic, labelled, VH-like sequences. They are not data.

No sequence was measured, observed or copied. Each is drawn at random: a framework in the manner of an antibody heavy chain,
in which every position has alternatives, around a random third loop. The label comes from a rule on that loop alone, basic
plus aromatic minus acidic residues, and one label in twelve is then turned over. A head trained on the file shows
that the tools work; it says nothing about antibodies.

    python tools/make_demo_data.py            # write the file
    python tools/make_demo_data.py --check    # compare with the file, write nothing
"""

import argparse
import re
from pathlib import Path

OUTPUT = Path(__file__).resolve().parents[1] / "examples" / "demo_sequences.csv"
ROWS = 200
SEED = 20250101

# One letter, or a choice: its first letter is taken in 70 of 100 cases, else any letter of the choice.
BEFORE_LOOP = (
    "[EQD]V[QKR]L[LVQ][EQD][ST]G[PGA][GE][VLM][VIA][KQR][PA][GE][AGRD][ST][VL][RKT][LIV][ST]C[KART][AVT][ST]G"
    "[YFG][ST][LFI][NSTD][DSNTG][FYSA][GAWYDS][ML][NHSG]"
    "W[VI][KR]Q[ASP][PS][GE][RKQ][GRA][LFP][EQ][WL][IVML][GAS]"
    "[NAVSRY]I[KSNYW][PSYGTD][NDSG][GS][DSGN][STNKA][KTIP]"
    "[FYNK][STNY][PAVN][ADPQES][LSKF][QVFL][KQR][SGD][RK][VFLI][ST][LIVM][ST][KRVA][ENDS][KNT][SAPT][REIKD][SNTK][QTSA]"
    "[VLAF][FYHS][LM][EQK][ML][DSNKT][RSNG][VL][KRTQ][SAPTV][DEAS][DE][ST][AG][MVTIL][YF][FYH]C[VAT][KRTS]"
)
AFTER_LOOP = "[MF]D[IYVPH]WG[RQK]G[AT][MLTQ][VI][ST][VI][SA][SA]"
# Loops mix two pools in a proportion of their own, so that they reach from acidic to basic and aromatic.
ACIDIC_POOL = "DDEEDEGSTGAPNLSVTG"
BASIC_POOL = "RRKRKYYWFWRGSYGAKH"
THRESHOLD = 3


class Random:
    """SplitMix64: the same numbers on every machine and in every version of Python."""

    def __init__(self, seed: int) -> None:
        self.state = seed

    def below(self, bound: int) -> int:
        """An integer from 0 to bound - 1; for bounds this small the bias of the remainder does not matter."""
        self.state = (self.state + 0x9E3779B97F4A7C15) % 2**64
        value = self.state
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
        return (value ^ (value >> 31)) % bound

    def choice(self, letters: str) -> str:
        return letters[self.below(len(letters))]


def framework(random: Random, template: str) -> str:
    """One draw from a template."""
    residues = []
    for choice in re.findall(r"\[([A-Z]+)\]|([A-Z])", template):
        letters = choice[0] or choice[1]
        residues.append(letters[0] if random.below(100) < 70 else random.choice(letters))
    return "".join(residues)


def loop(random: Random) -> str:
    """A loop of 8 to 20 residues."""
    basic = random.below(101)
    length = 8 + random.below(13)
    return "".join(random.choice(BASIC_POOL if random.below(100) < basic else ACIDIC_POOL) for _ in range(length))


def rule(residues: str) -> int:
    """The label before noise: 1 for a loop with many more basic and aromatic than acidic residues."""
    score = sum(residues.count(letter) for letter in "KRFWY") - sum(residues.count(letter) for letter in "DE")
    return int(score >= THRESHOLD)


def table() -> str:
    """The whole CSV file."""
    random = Random(SEED)
    lines = ["id,sequence,label"]
    for row in range(1, ROWS + 1):
        residues = loop(random)
        sequence = framework(random, BEFORE_LOOP) + residues + framework(random, AFTER_LOOP)
        label = rule(residues) ^ (random.below(12) == 0)
        lines.append(f"demo-{row:03d},{sequence},{label}")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description="write examples/demo_sequences.csv (synthetic sequences)")
    parser.add_argument("--check", action="store_true", help="compare with the file, write nothing")
    data = table().encode()
    if parser.parse_args().check:
        same = OUTPUT.read_bytes() == data
        print("the file is up to date" if same else f"{OUTPUT.name} differs")
        return 0 if same else 1
    OUTPUT.parent.mkdir(exist_ok=True)
    OUTPUT.write_bytes(data)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
