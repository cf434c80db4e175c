"""Reject cases made from field_rules.py: each member missing, of a wrong type, out of range."""

from ..json_bytes import Raw
from ..suite import Suite
from .base import FULL, PLAIN, V0
from .edits import escape, node_at, put
from .field_rules import ELEMENTS, NAMES, NESTED, OF_AN_ENCODER, ROOT, SMALLER, VERSION_0, Rule


def add_field_cases(suite: Suite) -> None:
    for name, rule in ROOT.items():
        rule_cases(suite, "root", OF_AN_ENCODER.get(name, PLAIN), "", name, rule)
    for path, table in NESTED.items():
        for name, rule in table.items():
            rule_cases(suite, area_of(path), SMALLER.get(path, FULL), path, name, rule)
    for path, types, values in ELEMENTS:
        parent, _, name = path.rpartition("/")
        wrong(suite, f"element/{slug_of(path)}", SMALLER.get(area_path(path), FULL), "F1", parent, name, types, values)
    for path, bad, value in NAMES:
        for i, name in enumerate(bad):
            pointer = f"{path}/{escape(name)}"
            suite.reject(
                f"name/{slug_of(path)}-{i}",
                "F4",
                "FIELD_VALUE",
                pointer,
                "a name that the map may not have",
                FULL,
                f"add an entry named {name[:20]!r} in {path}",
                put(path, name, value),
            )
    for name, rule in VERSION_0.items():
        rule_cases(suite, "v0-field", V0, "", name, rule)
    for name in ("weight", "0"):
        suite.reject(
            f"v0-field/class-weight-{name}",
            "F1",
            "FIELD_VALUE",
            f"/class_weight/{name}",
            "version 0: a weight is not negative",
            V0,
            f"class_weight of {name} is -1",
            put("", "class_weight", {"x": 1, name: -1}),
        )
    suite.reject(
        "v0-field/class-weight-type",
        "F1",
        "FIELD_TYPE",
        "/class_weight/x",
        "version 0: a weight is a number",
        V0,
        "class_weight of x is null",
        put("", "class_weight", {"x": None}),
    )


def area_path(path: str) -> str:
    """The first step of a path, as SMALLER has it; the eight records of self_test are alike."""
    first = "/" + path.split("/")[1]
    return "/self_test/5" if first == "/self_test" else first


def area_of(path: str) -> str:
    return "-".join(step for step in path.split("/") if step and not step.isdigit()).replace("_", "-")


def slug_of(path: str) -> str:
    return path.strip("/").replace("/", "-").replace("_", "-").lower()


def rule_cases(suite: Suite, area: str, base: str, path: str, name: str, rule: Rule) -> None:
    case_id = f"{area}/{name.lower().replace('_', '-')}"
    if rule.required:
        suite.reject(
            f"{case_id}-missing",
            "F1",
            "FIELD_MISSING",
            f"{path}/{name}",
            "a required member is absent",
            base,
            f"remove {path}/{name}",
            lambda p: node_at(p.config, path).pop(name),
        )
    wrong(suite, case_id, base, "F1", path, name, rule.types, rule.values)


def wrong(
    suite: Suite, case_id: str, base: str, clause: str, path: str, name: str, types: list[object], values: list[object]
) -> None:
    # Setting one of these members to null also asks for another: the pair rules of l1_ratio, embedding and golden have cases of their own.
    for code, why, what, bad in (
        ("FIELD_TYPE", "a member of a wrong JSON type", "type", types),
        ("FIELD_VALUE", "a member out of range", "value", values),
    ):
        for i, value in enumerate(bad):
            shown = value.text if isinstance(value, Raw) else repr(value)
            suite.reject(
                f"{case_id}-{what}-{i}",
                clause,
                code,
                f"{path}/{name}",
                why,
                base,
                f"{path}/{name} is {shown[:60]}",
                put(path, name, value),
            )
