"""Accept cases on exp, logistic and softmax (P4, P5)."""

from ..ieee import ONE, SIGN, ZERO, dyadic, from_fraction, from_int, to_fraction
from ..pair import Head, version_1
from ..splitmix import SplitMix64
from ..suite import Predict, Rows, Suite
from .sums import TINY, one_hot, real


def signed(values: list[str]) -> list[int]:
    return [bits for v in values for bits in (real(v), real(v) ^ SIGN)]


#: Decisions whose probability shows the last bit of a constant of exp, or the edge of one of its branches: found by search, for
#: each constant one unit larger and smaller, and each comparison with and without equality.
LAST_BITS = (
    0xC029A57D76D152FD,
    0xC039FE3682CD3BE4,
    0xC0455074610473AC,
    0xC039FE3682CD3BE3,
    0xC03D7570FAA454F1,
    0xC045A92D6D005C93,
    0xC07AF5F02FFCB9EE,
    0xC07DB885A4E8760F,
    0xC07DB7555E8F1500,
    0xC083FE23193DDE75,
    0xC0813E21B8A99896,
    0xC0713E2E7F635A4C,
    0xC0826ED299B357F4,
    0xC076FCB850C8AC80,
    0xBFD9E7920FBA7847,
    0xC07002108C6A9993,
    0xC048A765D16F148B,
    0xC07BA8F1471D3BCD,
    0xC0388A278489F4C0,
    0xC075C4A9D46B98F7,
    0xBFFC1A900CA0A262,
    0xBFD58AD8A8B14234,
    0xC071B2ED3CA2A7EA,
    0x3FF142263E1A4B94,
    0xC063E20919922F67,
    0x3E3000004C6B8DA6,
    0x3E3000000C3D9CAF,
    0xBE300000179E0F70,
    0xBFF0A2B2B79BF8E0,
    0x3FF0A2B26C62ED3D,
    0xBFD62E429B019828,
    0x3FD62E4278FAA6BC,
    0xBFD62E4307066488,
    0x3FD62E432908E450,
    0xBE23256F2FFEE7BA,
    0x3E2EFDAE581A8850,
    0x3E2842C4588487C0,
)


def sigmoid_grid(suite: Suite) -> None:
    """One feature with weight 1: the input is z."""
    head = Head([[ONE]], [ZERO])
    grids = {
        "small": (
            ["0", "5e-324", "2.2250738585072014e-308", "1e-300", "1e-17", "1.5e-9", "3.7e-9", "3.8e-9", "1e-8"],
            "near 0: subnormal, below and above the branch at 2^-28",
        ),
        "middle": (
            [
                "0.1",
                "0.3",
                "0.34657",
                "0.346580",
                "0.5",
                "1",
                "1.0397",
                "1.0398",
                "1.5",
                "2",
                "3",
                "5",
                "8",
                "13.7",
                "20",
                "30",
            ],
            "around the branches at 0.5 ln 2 and 1.5 ln 2, and ordinary values",
        ),
        "saturating": (
            ["36", "36.5", "36.7", "36.73", "36.74", "36.8", "37", "37.4", "37.5", "38", "40", "100"],
            "p1 reaches 1 and p0 is 1 - p1, not the small tail",
        ),
        "extreme": (
            [
                "700",
                "708",
                "708.3964185322641",
                "708.4",
                "709",
                "709.78",
                "709.782712893384",
                "709.7827128933841",
                "709.79",
                "710",
                "720",
                "744",
                "744.44",
                "745",
                "745.1",
                "745.1332191019411",
                "745.1332191019412",
                "745.2",
                "746",
                "1000",
                "1e100",
                "1e307",
                "1.7976931348623157e308",
            ],
            "around OVERFLOW and UNDERFLOW: subnormal and zero probabilities, never NaN",
        ),
    }
    for name, (values, what) in grids.items():
        suite.accept(f"sigmoid/{name}", "P4", what, version_1(head), [Predict(Rows([[z] for z in signed(values)]))])
    powers = [dyadic(1, -e) for e in (60, 54, 53, 52, 30, 29, 28, 27, 26, 10, 1)]
    suite.accept(
        "sigmoid/powers",
        "P4",
        "powers of two down to 2^-60, both signs: p1 is 0.5 while the label follows z",
        version_1(head),
        [Predict(Rows([[v] for z in powers for v in (z, z ^ SIGN)]))],
    )
    branches = [
        0x3E300000 << 32,
        0x3FD62E42FFFFFFFF,
        0x3FD62E4300000000,
        0x3FD62E42FEFA39EF,
        0x3FF0A2B200000000,
        0x3FF0A2B1FFFFFFFF,
    ]
    edges = [bits + d for bits in branches for d in (-1, 0, 1)]
    suite.accept(
        "sigmoid/branch-edges",
        "P4",
        "one unit each side of the branches of exp, which test the high 32 bits",
        version_1(head),
        [Predict(Rows([[v] for z in edges for v in (z, z ^ SIGN)]))],
    )
    suite.accept(
        "sigmoid/last-bits",
        "P4",
        "the last bit of each constant of exp, and the edges of its branches within their high words",
        version_1(head),
        [Predict(Rows([[bits] for bits in LAST_BITS]))],
    )
    for name, bits, weight in (
        ("", [0xBFD62E420A7D3DA9, 0xBFD62E42C2BA92BC], ONE),
        ("-halved", [0xBFD62E42E0614542], dyadic(1, -1)),
    ):
        doubled = [b + 0x0010000000000000 * (weight != ONE) for b in bits]
        suite.accept(
            f"sigmoid/reduction-edge{name}",
            "P4",
            "decisions whose high word is 0x3fd62e42, the last of the first interval: the next interval's reduction rounds otherwise",
            version_1(Head([[weight]], [ZERO])),
            [Predict(Rows([[b] for b in doubled]))],
        )
    rng = SplitMix64(0x516)
    rows = [[rng.real(53, 1 + i % 10)] for i in range(64)]
    suite.accept(
        "sigmoid/random",
        "P4",
        "64 full-mantissa decisions up to 1024: platform exp differs from the format's on some",
        version_1(head),
        [Predict(Rows(rows))],
    )
    ln2 = [
        from_fraction(to_fraction(0x3FE62E42FEFA39EF) * k / 2) for k in (1, 3, 5, 7, 21, 101, 1001, 1999, 2001, 2047)
    ]
    suite.accept(
        "sigmoid/half-ln2",
        "P4",
        "odd multiples of ln 2 / 2, where the truncation that finds k may go either way",
        version_1(head),
        [Predict(Rows([[v + d] for z in ln2 for d in (-1, 0, 1) for v in (z, z ^ SIGN)]))],
    )


def softmax_head(k: int) -> Head:
    """Row c of an identity: the input is the vector of decisions."""
    return Head([one_hot(k, c) for c in range(k)], [ZERO] * k, labels=list(range(k)), coef_dtype="<f4")


def reals(*texts: str) -> list[int]:
    return [real(t) for t in texts]


def softmax_grid(suite: Suite) -> None:
    identity = version_1(softmax_head(3))
    suite.accept(
        "softmax/extreme",
        "P5",
        "very different decisions: the maximum is subtracted first, so nothing overflows",
        identity,
        [
            Predict(
                Rows(
                    [
                        reals("1000", "0", "-1000"),
                        reals("-1000", "-1001", "-1002"),
                        reals("1e308", "1e308", "-1e300"),
                        reals("0", "-708.5", "-745.1"),
                        reals("0", "-745.2", "-746"),
                        reals("-1e-320", "5e-324", "0"),
                    ]
                )
            )
        ],
    )
    suite.accept(
        "softmax/difference-overflows",
        "P5",
        "z_c - M overflows to -infinity; exp of it is 0, not NaN",
        identity,
        [Predict(Rows([reals("1.7e308", "-1.7e308", "0"), reals("-1.7e308", "1.7e308", "1.7e308")]))],
    )
    suite.accept(
        "softmax/ties",
        "P6",
        "equal largest decisions: the first class wins; -0 and +0 are equal",
        identity,
        [
            Predict(
                Rows(
                    [
                        reals("1", "1", "1"),
                        reals("0", "2", "2"),
                        reals("3", "1", "3"),
                        [SIGN, ZERO, SIGN],
                        [ZERO, SIGN, ZERO],
                        [real("-1"), SIGN, ZERO],
                    ]
                )
            )
        ],
    )
    suite.accept(
        "softmax/subnormal",
        "P5",
        "terms that are subnormal, and probabilities that are",
        identity,
        [
            Predict(
                Rows(
                    [
                        reals("0", "-708.5", "-709"),
                        reals("0", "-720.25", "-744.4"),
                        reals("0", "-745.1332191019411", "-745.1332191019412"),
                        reals("5", "-735", "-739.9"),
                    ]
                )
            )
        ],
    )
    rng = SplitMix64(0x54F)
    base = rng.row(3, 20, 2)
    shifted = [[from_fraction(to_fraction(v) + s) for v in base] for s in (0, 1, 1024, -4096)]
    suite.accept(
        "softmax/shifted",
        "P5",
        "the same decisions with a constant added, exactly: the same probabilities",
        identity,
        [Predict(Rows(shifted))],
    )
    suite.accept(
        "softmax/one-ulp",
        "P6",
        "two largest decisions one unit apart, with equal probabilities: the label follows z",
        identity,
        [Predict(Rows([[ONE, ONE + 1, ZERO], [ONE + 1, ONE, ZERO], [ZERO, TINY, ZERO]]))],
    )
    for k in (10, 100):
        rng = SplitMix64(0x54F0 + k)
        rows = [rng.row(k, 53, 4), [ZERO] * k, [from_int(-c) for c in range(k)], [from_int(c) for c in range(k)]]
        suite.accept(
            f"softmax/k{k}",
            "P5",
            f"{k} classes: the terms are added from left to right",
            version_1(softmax_head(k)),
            [Predict(Rows(rows))],
        )
