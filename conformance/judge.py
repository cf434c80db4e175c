"""Compare what a testee answered with what a case expects. Every function returns the first difference in words, or None."""

from .protocol import shown

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


def error_difference(answer: dict[str, object], code: str, where: str | None) -> str | None:
    """The answer is the error `code`; `where` is compared unless it is None."""
    error = answer.get("error")
    if answer.get("ok") is not False or not isinstance(error, dict):
        return (
            f"accepted, {code} was due" if answer.get("ok") is True else f"no answer of the protocol: {shown(answer)}"
        )
    if error.get("code") != code:
        return f"{error.get('code')} at {shown(error.get('where'))} ({str(error.get('message'))[:120]}), {code} at {shown(where)} was due"
    if where is not None and error.get("where") != where:
        return f"{code} at {shown(error.get('where'))}, {shown(where)} was due"
    return None


def ok_difference(answer: dict[str, object]) -> str | None:
    if answer.get("ok") is True:
        return None
    error = answer.get("error")
    if isinstance(error, dict):
        return f"refused: {error.get('code')} at {shown(error.get('where'))} ({str(error.get('message'))[:160]})"
    return f"no answer of the protocol: {shown(answer)}"


def same(got: object, due: object) -> bool:
    """Equality of JSON values in which true is not 1 and 1 is not 1.0."""
    if type(got) is not type(due):
        return False
    if isinstance(due, dict):
        return got.keys() == due.keys() and all(same(got[k], due[k]) for k in due)
    if isinstance(due, list):
        return len(got) == len(due) and all(map(same, got, due))
    return got == due


def describe_difference(answer: dict[str, object], due: dict[str, object]) -> str | None:
    refused = ok_difference(answer)
    if refused:
        return refused
    for name in DESCRIBE:
        if name not in answer or not same(answer[name], due[name]):
            return f"describe: {name} is {shown(answer.get(name))}, {shown(due[name])} was due"
    return None


def predict_difference(answer: dict[str, object], due: dict[str, object]) -> str | None:
    if "error" in due:
        return error_difference(answer, due["error"]["code"], due["error"]["where"])
    refused = ok_difference(answer)
    if refused:
        return refused
    for name in OUTPUTS:
        got = answer.get(name)
        if not isinstance(got, list) or len(got) != len(due[name]):
            return f"{name} has {len(got) if isinstance(got, list) else 'no'} values, {len(due[name])} were due"
        for i, (a, b) in enumerate(zip(got, due[name], strict=True)):
            if not same(a, b):
                return f"{name}[{i}] is {shown(a)}, {shown(b)} was due"
    return None
