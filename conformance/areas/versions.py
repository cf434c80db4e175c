"""Reject cases on format and version (section 4)."""

from ..json_bytes import Raw
from ..suite import Suite
from .base import FULL, PLAIN, V0
from .edits import Edit, edit_config, swap, whole

V1_NAMES = (
    "format_version",
    "min_reader",
    "l1_ratio",
    "link",
    "decision",
    "embedding",
    "golden",
    "self_test",
    "metrics",
    "training",
    "extensions",
    "npz_sha256",
    "config_sha256",
)


def versions(suite: Suite) -> None:
    def reject(
        slug: str,
        clause: str,
        code: str,
        where: str,
        why: str,
        mutation: str,
        edit: Edit,
        base: str = PLAIN,
        until: str | None = None,
    ) -> None:
        suite.reject(f"version/{slug}", clause, code, where, why, base, mutation, edit, until=until)

    for name, data in {
        "array": b"[]",
        "string": b'"plmhead"',
        "null": b"null",
        "number": b"1",
        "true": b" true\n",
    }.items():
        reject(
            f"root-{name}",
            "V1",
            "FIELD_TYPE",
            "",
            "the root is not an object",
            f"replace the config by {data!r}",
            whole(data),
        )
    for name in V1_NAMES:
        reject(
            f"no-format-{name.replace('_', '-')}",
            "V2",
            "FORMAT_MISSING",
            "/format",
            "a config with a version 1 name and without format must not pass as version 0",
            f"add {name}: null to a version 0 config",
            lambda p, name=name: p.config.update({name: None}),
            V0,
        )
    reject(
        "no-format-full",
        "V2",
        "FORMAT_MISSING",
        "/format",
        "a version 1 config that lost its format member",
        "remove format",
        lambda p: p.config.pop("format"),
        FULL,
    )
    reject(
        "no-format-escaped",
        "V2",
        "FORMAT_MISSING",
        "/format",
        "the name is compared after unescaping",
        "add link, written with an escape",
        swap('"model_type"', '"l\\u0069nk": 1, "model_type"'),
        V0,
    )
    for name, value, code in (
        ("null", None, "FIELD_TYPE"),
        ("number", 1, "FIELD_TYPE"),
        ("true", True, "FIELD_TYPE"),
        ("other", "safetensors", "FORMAT_UNKNOWN"),
        ("case", "PLMHEAD", "FORMAT_UNKNOWN"),
        ("space", "plmhead ", "FORMAT_UNKNOWN"),
        ("empty", "", "FORMAT_UNKNOWN"),
    ):
        reject(
            f"format-{name}",
            "V3",
            code,
            "/format",
            "format must be the word plmhead",
            f"format is {value!r}",
            lambda p, value=value: p.config.update(format=value),
        )
    bad = (
        "1",
        "1.0.0",
        "01.0",
        "1.00",
        "1.01",
        "10000.0",
        "1.10000",
        " 1.0",
        "1.0 ",
        "1.0\n",
        "",
        ".",
        "1.",
        ".0",
        "v1.0",
        "1,0",
        "-1.0",
        "1.0-rc1",
        "1.\u0660",
        "\uff11.0",
        "1.0\u0000",
    )
    for field in ("format_version", "min_reader"):
        slug = field.replace("_", "-")
        reject(
            f"{slug}-missing",
            "V4",
            "FIELD_MISSING",
            f"/{field}",
            f"{field} is required",
            f"remove {field}",
            lambda p, field=field: p.config.pop(field),
        )
        for name, value in {"number": Raw("1.0"), "integer": 1, "null": None, "array": [1, 0]}.items():
            reject(
                f"{slug}-{name}",
                "V4",
                "FIELD_TYPE",
                f"/{field}",
                "a version is a string",
                f"{field} is {value}",
                lambda p, field=field, value=value: p.config.update({field: value}),
            )
        for i, value in enumerate(bad if field == "format_version" else bad[:3]):
            reject(
                f"{slug}-form-{i}",
                "V4",
                "FIELD_VALUE",
                f"/{field}",
                "not of the form MAJOR.MINOR",
                f"{field} is {value!r}",
                lambda p, field=field, value=value: p.config.update({field: value}),
            )
    for value in ("2.0", "0.9", "10.0", "9999.9999", "0.0"):
        reject(
            f"major-{value.replace('.', '-')}",
            "V4",
            "VERSION_UNSUPPORTED",
            "/format_version",
            "another major version",
            f"format_version is {value}",
            lambda p, value=value: p.config.update(format_version=value),
        )
    for value in ("2.0", "9999.0"):
        reject(
            f"reader-{value.replace('.', '-')}",
            "V4",
            "VERSION_UNSUPPORTED",
            "/min_reader",
            "the file asks for a newer reader",
            f"min_reader is {value}",
            lambda p, value=value: p.config.update(format_version="1.9999", min_reader=value),
        )
    reject(
        "reader-1-1",
        "V4",
        "VERSION_UNSUPPORTED",
        "/min_reader",
        "the file asks for the next minor",
        "format_version and min_reader are 1.1",
        lambda p: p.config.update(format_version="1.1", min_reader="1.1"),
        until="1.0",
    )
    reject(
        "reader-1-9999",
        "V4",
        "VERSION_UNSUPPORTED",
        "/min_reader",
        "the file asks for a newer minor",
        "format_version and min_reader are 1.9999",
        lambda p: p.config.update(format_version="1.9999", min_reader="1.9999"),
    )
    reject(
        "reader-above-both",
        "V4",
        "VERSION_UNSUPPORTED",
        "/min_reader",
        "min_reader above the reader and above format_version: the reader's own version is compared first",
        "min_reader is 1.9999",
        lambda p: p.config.update(min_reader="1.9999"),
    )
    for value in ("0.9", "0.0", "0.9999"):
        reject(
            f"reader-{value.replace('.', '-')}",
            "V4",
            "FIELD_VALUE",
            "/min_reader",
            "min_reader has the major of format_version",
            f"min_reader is {value}",
            lambda p, value=value: p.config.update(min_reader=value),
        )
    reject(
        "reader-0-5-of-1-7",
        "V4",
        "FIELD_VALUE",
        "/min_reader",
        "min_reader has the major of format_version, in a later minor too",
        "format_version is 1.7, min_reader 0.5",
        lambda p: p.config.update(format_version="1.7", min_reader="0.5"),
    )
    for name, change in (("missing", {"min_reader": ...}), ("wrong", {"min_reader": 7})):
        reject(
            f"major-before-reader-{name}",
            "V4",
            "VERSION_UNSUPPORTED",
            "/format_version",
            "the major is judged before min_reader is looked at",
            f"format_version is 2.0, min_reader {name}",
            lambda p, change=change: edit_config(p, format_version="2.0", **change),
        )
    reject(
        "minor-0-unknown",
        "V5",
        "FIELD_UNKNOWN",
        "/later",
        "an unknown member is an error up to the reader's own minor",
        "add a member to a 1.0 file",
        lambda p: p.config.update(later=1),
    )
    reject(
        "minor-7-type",
        "V5",
        "FIELD_TYPE",
        "/C",
        "a later minor does not loosen the rules of known members",
        "format_version is 1.7, C a string",
        lambda p: edit_config(p, format_version="1.7", C="1.0"),
    )
    reject(
        "minor-7-enumeration",
        "V5",
        "FIELD_VALUE",
        "/link",
        "enumerations are closed in every minor",
        "format_version is 1.7, link probit",
        lambda p: edit_config(p, format_version="1.7", link="probit"),
    )
    reject(
        "minor-7-extension-name",
        "F4",
        "FIELD_VALUE",
        "/extensions/plain",
        "names in maps are checked in every minor",
        "format_version is 1.7, an extension without a dot",
        lambda p: edit_config(p, format_version="1.7", extensions={"plain": 1}),
    )
