"""The phases of loading, in order, and which of them an input came to.

An input that is refused in a phase has reached it and all before it; an accepted one has reached all. Phases and codes are those of
spec/v1/errors.json, but for codes that two sections use: there the place tells which.
"""

import json
from collections import Counter
from pathlib import Path

REGISTRY = Path(__file__).resolve().parents[2] / "spec/v1/errors.json"
PHASES = (
    *("files", "size", "text", "version", "seal", "fields", "npz_digest", "container", "npy", "arrays", "agreement"),
    *("environment", "self_test", "input"),
)
NOT_IN_VERSION_0 = ("seal", "npz_digest", "agreement", "self_test")
VERSION_PLACES = ("", "/format", "/format_version", "/min_reader")


def registry() -> dict[str, str]:
    return {error["code"]: error["phase"] for error in json.loads(REGISTRY.read_text())["errors"]}


BY_CODE = registry()


def phase(code: str, where: object) -> str:
    """The phase in which a load was refused."""
    if code.startswith("FIELD_") and where in VERSION_PLACES:
        return "version"
    if code == "FIELD_MISSING" and where == "/config_sha256":
        return "seal"
    return BY_CODE.get(code, "unknown")


def reached(refused: Counter[tuple[str, bool]], accepted: Counter[bool]) -> dict[str, int]:
    """Inputs that came to each phase, from refusals by (phase, version 0) and acceptances by version 0."""
    counts = {}
    for at, name in enumerate(PHASES):
        later = {*PHASES[at:]}
        both = sum(n for (end, _), n in refused.items() if end in later) + accepted.total()
        skipped = sum(n for (end, old), n in refused.items() if end in later and old) + accepted[True]
        counts[name] = both - skipped if name in NOT_IN_VERSION_0 else both
    return counts
