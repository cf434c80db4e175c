"""SplitMix64, and numbers made from it. Library generators change their streams between releases; this cannot."""

from .ieee import dyadic

MASK = (1 << 64) - 1


class SplitMix64:
    def __init__(self, seed: int) -> None:
        self.state = seed & MASK

    def next(self) -> int:
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = ((z ^ z >> 30) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ z >> 27) * 0x94D049BB133111EB) & MASK
        return z ^ z >> 31

    def below(self, limit: int) -> int:
        """0 <= result < limit. The bias of the remainder does not matter here."""
        return self.next() % limit

    def real(self, mantissa_bits: int = 53, exponent: int = 0) -> int:
        """A dyadic rational between -2^exponent and 2^exponent with at most mantissa_bits bits, as binary64 bits."""
        m = (self.next() >> (64 - mantissa_bits)) or 1
        return dyadic(-m if self.next() & 1 else m, exponent - mantissa_bits)

    def row(self, n: int, mantissa_bits: int = 53, exponent: int = 0) -> list[int]:
        return [self.real(mantissa_bits, exponent) for _ in range(n)]
