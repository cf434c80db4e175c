"""Compare what a testee answered with what a case expects. Every function returns the first difference in words, or None."""

import re
from collections.abc import Iterable

from .answers import shown

BITS = re.compile("[0-9a-f]{16}")
MAX_VALUES = 8  # differing values that a report shows of one answer
DESCRIBE = (
    "format_version",
    "verified",
    "link",
    "n_features_in",
    "classes",
    "n_iter",
    "coef",
    "intercept",
    "threshold",
    "assay_thresholds",
)
OUTPUTS = ("decision", "probability", "labels")


class Difference(str):
    """A difference in words that also carries what the reports show: the two codes, and the values that differ."""

    expected: str
    got: str | None
    values: tuple[dict[str, object], ...]

    def __new__(
        cls, words: str, expected: str, got: str | None, values: Iterable[dict[str, object]] = ()
    ) -> "Difference":
        self = super().__new__(cls, words)
        self.expected, self.got, self.values = expected, got, tuple(values)
        return self


def value(name: str, got: object, due: object, row: int | None = None) -> dict[str, object]:
    """One differing value for the reports: the bits of a float as they are, anything else as JSON, cut."""
    line: dict[str, object] = {"name": name} if row is None else {"name": name, "row": row}
    return {**line, "got": text(got), "expected": text(due)}


def text(thing: object) -> object:
    if isinstance(thing, list) and len(thing) == 2 and all(isinstance(each, str) for each in thing):
        return [text(each) for each in thing]  # lowest and highest of an interval
    return thing if isinstance(thing, str) and BITS.fullmatch(thing) else shown(thing)


def within(place: str, difference: str) -> Difference:
    """The same difference, with the place in front of its words."""
    words = f"{place}: {difference}"
    if not isinstance(difference, Difference):
        return Difference(words, "accept", "accept")
    return Difference(words, difference.expected, difference.got, difference.values)


def code_of(answer: dict[str, object]) -> str | None:
    """`accept`, the error code of an answer, or None where it is no answer of the protocol."""
    error = answer.get("error")
    if answer.get("ok") is False and isinstance(error, dict) and isinstance(error.get("code"), str):
        return error["code"]
    return "accept" if answer.get("ok") is True else None


def error_difference(answer: dict[str, object], code: str, where: str | None) -> Difference | None:
    """The answer is the error `code`; `where` is compared unless it is None."""
    error, got = answer.get("error"), code_of(answer)
    if got in (None, "accept"):
        words = f"accepted, {code} was due" if got else f"no answer of the protocol: {shown(answer)}"
        return Difference(words, code, got)
    place = shown(error.get("where"))
    if error.get("code") != code:
        message = str(error.get("message"))[:120]
        return Difference(f"{error.get('code')} at {place} ({message}), {code} at {shown(where)} was due", code, got)
    if where is not None and error.get("where") != where:
        words = f"{code} at {place}, {shown(where)} was due"
        return Difference(words, code, got, [value("where", error.get("where"), where)])
    return None


def ok_difference(answer: dict[str, object]) -> Difference | None:
    if answer.get("ok") is True:
        return None
    error, got = answer.get("error"), code_of(answer)
    if got is None:
        return Difference(f"no answer of the protocol: {shown(answer)}", "accept", got)
    message = str(error.get("message"))[:160]
    return Difference(f"refused: {got} at {shown(error.get('where'))} ({message})", "accept", got)


def model_difference(answer: dict[str, object]) -> Difference | None:
    """The answer to `load` of an accept case: ok, and a name for the model."""
    refused = ok_difference(answer)
    if refused or isinstance(answer.get("model"), str):
        return refused
    return Difference(f"load: model is {shown(answer.get('model'))}, a text was due", "accept", "accept")


def same(got: object, due: object) -> bool:
    """Equality of JSON values in which true is not 1 and 1 is not 1.0."""
    if type(got) is not type(due):
        return False
    if isinstance(due, dict):
        return got.keys() == due.keys() and all(same(got[k], due[k]) for k in due)
    if isinstance(due, list):
        return len(got) == len(due) and all(map(same, got, due))
    return got == due


def describe_difference(answer: dict[str, object], due: dict[str, object]) -> Difference | None:
    refused = ok_difference(answer)
    if refused:
        return refused
    for name in DESCRIBE:
        got = answer.get(name)
        if name not in answer or not same(got, due[name]):
            words = f"describe: {name} is {shown(got)}, {shown(due[name])} was due"
            return Difference(words, "accept", "accept", [value(name, got, due[name])])
    return None


def predict_difference(answer: dict[str, object], due: dict[str, object]) -> Difference | None:
    if "error" in due:
        return error_difference(answer, due["error"]["code"], due["error"]["where"])
    refused = ok_difference(answer)
    if refused:
        return refused
    for name in OUTPUTS:
        difference = values_difference(name, answer.get(name), due[name], due["x"]["rows"])
        if difference:
            return difference
    return None


def values_difference(name: str, got: object, due: list[object], rows: int) -> Difference | None:
    if not isinstance(got, list) or len(got) != len(due):
        count = len(got) if isinstance(got, list) else "no"
        return Difference(f"{name} has {count} values, {len(due)} were due", "accept", "accept")
    wrong = [i for i, (a, b) in enumerate(zip(got, due, strict=True)) if not same(a, b)]
    if not wrong:
        return None
    first, more = wrong[0], f" ({len(wrong)} of {len(due)} differ)" if len(wrong) > 1 else ""
    values = [value(f"{name}[{i}]", got[i], due[i], i * rows // len(due)) for i in wrong[:MAX_VALUES]]
    words = f"{name}[{first}] is {shown(got[first])}, {shown(due[first])} was due{more}"
    return Difference(words, "accept", "accept", values)
