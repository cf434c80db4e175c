"""Compare a prediction under the fast profile: bits in an interval, a label of a set. The rest is as in judge.py."""

from . import judge
from .answers import shown
from .fast import order
from .ieee import is_finite
from .judge import Difference

LABELS = "labels"


def predict_difference(
    answer: dict[str, object], due: dict[str, object], classes: list[dict[str, str]]
) -> Difference | None:
    if "error" in due:
        return judge.error_difference(answer, due["error"]["code"], due["error"]["where"])
    if due["fast"] is None:  # another order may overflow: values and the error are both admissible
        overflow = judge.code_of(answer) == "DECISION_NONFINITE"
        return None if overflow else judge.ok_difference(answer)
    refused = judge.ok_difference(answer)
    if refused:
        return refused
    for name in judge.OUTPUTS:
        admissible = due["fast"][name]
        if name == LABELS:
            admissible = [[classes[c] for c in indices] for indices in admissible]
        difference = values_difference(name, answer.get(name), admissible, due["x"]["rows"])
        if difference:
            return difference
    return None


def values_difference(name: str, got: object, due: list[list[object]], rows: int) -> Difference | None:
    if not isinstance(got, list) or len(got) != len(due):
        count = len(got) if isinstance(got, list) else "no"
        return Difference(f"{name} has {count} values, {len(due)} were due", "accept", "accept")
    admits = label_admitted if name == LABELS else bits_admitted
    wrong = [i for i, (a, b) in enumerate(zip(got, due, strict=True)) if not admits(a, b)]
    if not wrong:
        return None
    first, more = wrong[0], f" ({len(wrong)} of {len(due)} are outside)" if len(wrong) > 1 else ""
    values = [judge.value(f"{name}[{i}]", got[i], due[i], i * rows // len(due)) for i in wrong[: judge.MAX_VALUES]]
    due_words = "one of" if name == LABELS else "a value within"
    words = f"{name}[{first}] is {shown(got[first])}, {due_words} {shown(due[first])} was due{more}"
    return Difference(words, "accept", "accept", values)


def label_admitted(got: object, due: list[object]) -> bool:
    return any(judge.same(got, label) for label in due)


def bits_admitted(got: object, ends: list[str]) -> bool:
    """-0 and +0 are equal here."""
    if not isinstance(got, str) or not judge.BITS.fullmatch(got) or not is_finite(int(got, 16)):
        return False
    low, value, high = (order(int(bits, 16)) for bits in (ends[0], got, ends[1]))
    return low <= value <= high
