"""What a run found, and the files written about it: results.jsonl, junit.xml, summary.md, a badge a testee, matrix.html.

Nothing here holds a time of day, a host or a path, so two runs of the same loaders can be compared.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

FAILURES = ("fail", "crash", "timeout", "xpass")
NOT_EXECUTED = ("skip", "inapplicable")
RESULTS = ("pass", *FAILURES, "xfail", *NOT_EXECUTED)
WORDS = {
    "pass": "passed",
    "fail": "failed",
    "crash": "crashed",
    "timeout": "timed out",
    "xpass": "passed unexpectedly",
    "xfail": "failed as known",
    "skip": "skipped",
    "inapplicable": "not applicable",
}
MAX_LISTED = 50  # failures in summary.md


@dataclass
class Outcome:
    id: str
    result: str  # one of RESULTS
    detail: str = ""
    protocol: bool = False  # the testee broke the protocol: more than a wrong answer
    expected: str = "accept"  # or the error code due
    got: str | None = None  # None: no answer
    values: tuple[dict[str, object], ...] = ()
    seconds: float = 0
    clause: str = ""
    why: str = ""
    known: dict[str, str] | None = None

    @property
    def failed(self) -> bool:
        return self.result in FAILURES

    @property
    def area(self) -> str:
        return area_of(self.id)

    def record(self, testee: str) -> dict[str, object]:
        line: dict[str, object] = {"record": "case", "testee": testee, "id": self.id, "outcome": self.result}
        line.update(expected=self.expected, got=self.got, detail=self.detail, seconds=round(self.seconds, 6))
        if self.result != "pass":
            line.update(clause=self.clause, why=self.why, values=list(self.values))
        return line if self.known is None else {**line, "known": self.known}


@dataclass
class Suite:
    version: str
    digest: str
    profile: str
    only: str
    ids: list[str]  # of the chosen cases
    cases: int
    unknown: list[str]  # listed as known failures, but no cases
    status: int = 0

    @property
    def chosen(self) -> int:
        return len(self.ids)


@dataclass
class TesteeReport:
    total: int
    name: str
    key: str = "testee"
    hello: dict[str, object] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)
    broken: str = ""
    seconds: float = 0
    peak_mib: float = 0

    def said(self, hello: dict[str, object]) -> None:
        """What the testee said about itself. The key leaves out the version: files named after it stay the same."""
        said = {word: str(hello["testee"][word]) for word in ("name", "version", "language")}
        text = f"{said['name']}-{said['language']}".lower()
        self.key = re.sub("[^a-z0-9]+", "-", text).strip("-")[:60].strip("-") or "testee"
        said = {word: printable(words) for word, words in said.items()}
        self.name = f"{said['name']} {said['version']} ({said['language']})"
        self.hello = {word: hello[word] for word in ("protocol", "format_versions", "profiles")} | {"testee": said}

    @property
    def cases(self) -> list[Outcome]:
        return [each for each in self.outcomes if each.id != "shutdown"]

    @property
    def counts(self) -> Counter[str]:
        return Counter(each.result for each in self.outcomes)

    @property
    def not_run(self) -> int:
        return self.total - len(self.cases)

    @property
    def executed(self) -> int:
        return sum(each.result not in NOT_EXECUTED for each in self.cases)

    @property
    def vacuous(self) -> bool:
        """A case was lost, or none was executed: then 0 failures would say nothing."""
        return self.not_run != 0 or self.executed == 0

    @property
    def protocol_broken(self) -> bool:
        return bool(self.broken) or any(each.protocol for each in self.outcomes)

    @property
    def failures(self) -> int:
        return max(sum(each.failed for each in self.outcomes), int(bool(self.broken)))

    def in_words(self) -> str:
        counts = self.counts
        failed = sum(counts[name] for name in FAILURES)
        words = [f"{counts['pass']} passed", f"{failed} failed", f"{counts['skip']} skipped"]
        words += [f"{counts[name]} {WORDS[name]}" for name in ("inapplicable", "xfail") if counts[name]]
        if self.not_run:
            words.append(f"{self.not_run} not run")
        return ", ".join(words)

    def footer(self) -> dict[str, object]:
        counts = {name: self.counts[name] for name in RESULTS}
        times = {"seconds": round(self.seconds, 3), "peak_mib": round(self.peak_mib, 1)}
        return {**counts, "not_run": self.not_run, "broken": self.broken, **times}


def headline(suite: Suite, reports: list[TesteeReport]) -> str:
    """The last line of a run. It counts failures only where every loader executed something and no case was lost."""
    if not suite.chosen:
        return f"incomplete: no case begins with {suite.only!r}"
    failures = sum(each.failures for each in reports) + len(suite.unknown)
    lost = [f"{each.name} executed {each.executed} of {each.total} cases" for each in reports if each.vacuous]
    if lost:
        return f"incomplete: {'; '.join([*lost, *([f'{failures} failures'] if failures else [])])}"
    skipped = sum(each.counts["skip"] for each in reports)
    words = f"{suite.chosen} cases, {len(reports)} loaders, {failures} failures"
    return f"{words}, {skipped} skipped" if skipped else words


def area_of(case: str) -> str:
    return case.split("/")[0]


def printable(text: object, limit: int = 1000) -> str:
    """A testee's text, safe in any file and on any terminal: what is no visible character is escaped."""
    visible = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text)[:limit])
    return "".join(visible)


def write(folder: Path, suite: Suite, reports: list[TesteeReport]) -> None:
    from .matrix import page

    folder.mkdir(parents=True, exist_ok=True)
    seen: Counter[str] = Counter()
    for report in reports:  # two versions of one loader share a key
        seen[report.key] += 1
        if seen[report.key] > 1:
            report.key += f"-{seen[report.key]}"
    texts = {
        "results.jsonl": results(suite, reports),
        "junit.xml": junit(reports),
        "summary.md": summary(suite, reports),
    }
    texts.update({f"badge-{report.key}.json": badge(suite, report) for report in reports})
    texts["matrix.html"] = page(suite, reports)
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def results(suite: Suite, reports: list[TesteeReport]) -> str:
    header = {
        "record": "header",
        "suite": suite.version,
        "manifest_sha256": suite.digest,
        "profile": suite.profile,
        "only": suite.only,
        "cases": suite.chosen,
        "testees": [{"key": each.key, "name": each.name, **each.hello} for each in reports],
    }
    lines = [header]
    lines += [outcome.record(each.key) for each in reports for outcome in each.outcomes]
    footers = {each.key: each.footer() for each in reports}
    lines.append(
        {"record": "footer", "testees": footers, "unknown_known_failures": suite.unknown, "exit": suite.status}
    )
    return "".join(json.dumps(line) + "\n" for line in lines)


def junit(reports: list[TesteeReport]) -> str:
    root = ElementTree.Element("testsuites")
    for report in reports:
        counts = report.counts
        lost = int(report.vacuous or bool(report.broken))  # readers of this file know counts alone
        element = ElementTree.SubElement(root, "testsuite", name=report.name, tests=str(len(report.outcomes) + lost))
        element.set("failures", str(counts["fail"] + counts["xpass"]))
        element.set("errors", str(counts["crash"] + counts["timeout"] + lost))
        element.set("skipped", str(counts["skip"] + counts["inapplicable"] + counts["xfail"]))
        element.set("time", f"{report.seconds:.3f}")
        for outcome in report.outcomes:
            case = ElementTree.SubElement(element, "testcase", classname=f"{report.key}.{outcome.area}")
            case.set("name", outcome.id)
            case.set("time", f"{outcome.seconds:.6f}")
            verdict(case, outcome)
        if lost:
            case = ElementTree.SubElement(element, "testcase", classname=report.key, name="complete", time="0")
            words = f"{report.executed} of {report.total} cases were executed. {report.broken}".rstrip()
            ElementTree.SubElement(case, "error", message=words)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def verdict(case: ElementTree.Element, outcome: Outcome) -> None:
    """The child element of a case that did not pass: JUnit knows failure, error and skipped."""
    if outcome.result == "pass":
        return
    detail = outcome.detail
    if outcome.result == "xfail" and outcome.known:
        detail = f"known failure: {outcome.known['reason']} ({outcome.known['issue']}); {detail}"
    tags = {"crash": "error", "timeout": "error", **dict.fromkeys((*NOT_EXECUTED, "xfail"), "skipped")}
    element = ElementTree.SubElement(case, tags.get(outcome.result, "failure"), message=detail)
    if element.tag != "skipped":
        element.set("type", outcome.result)
        element.text = f"{outcome.clause}: {outcome.why}\nexpected {outcome.expected}, got {outcome.got or 'no answer'}"


def summary(suite: Suite, reports: list[TesteeReport]) -> str:
    cases = f"{suite.chosen} of {suite.cases} cases" if suite.chosen != suite.cases else f"{suite.cases} cases"
    lines = [
        f"# Conformance: {cell(headline(suite, reports))}",
        "",
        f"Suite {suite.version} (manifest {suite.digest[:12]}), profile {suite.profile}, {cases}.",
        "",
        "| loader | passed | failed | known failures | skipped | not applicable | not run | seconds | peak MiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for each in reports:
        counts = each.counts
        numbers = (counts["pass"], each.failures, counts["xfail"], counts["skip"], counts["inapplicable"], each.not_run)
        cells = [cell(each.name), *map(str, numbers), f"{each.seconds:.1f}", f"{each.peak_mib:.0f}"]
        lines.append(f"| {' | '.join(cells)} |")
    lines += [f"\nBroken: {cell(each.name)}: {cell(each.broken)}" for each in reports if each.broken]
    lines += [f"\nListed as a known failure, but no case: {cell(name)}" for name in suite.unknown]
    failed = [(each, outcome) for each in reports for outcome in each.outcomes if outcome.failed]
    if failed:
        lines += ["", "| loader | case | clause | outcome | what |", "|---|---|---|---|---|"]
    for each, outcome in failed[:MAX_LISTED]:
        words = [each.name, outcome.id, outcome.clause, WORDS[outcome.result], outcome.detail]
        lines.append(f"| {' | '.join(map(cell, words))} |")
    if len(failed) > MAX_LISTED:
        lines += ["", f"{len(failed) - MAX_LISTED} more are in results.jsonl."]
    return "\n".join(lines) + "\n"


def cell(text: str) -> str:
    """Text inside a table of Markdown, in which a testee's words must not become markup."""
    return re.sub(r"([\\|`*_<>\[\]])", r"\\\1", text)


def badge(suite: Suite, report: TesteeReport) -> str:
    """The endpoint schema of shields.io. A part of the suite and a skip are never shown as the whole."""
    counts = report.counts
    message = f"{suite.profile} {counts['pass']}/{report.total}"
    message += "".join(f", {counts[name]} {WORDS[name]}" for name in (*NOT_EXECUTED, "xfail") if counts[name])
    message += f", suite {suite.version}" if suite.chosen == suite.cases else f", only {suite.only}"
    color = "brightgreen"
    if report.failures or report.protocol_broken or report.vacuous:
        color = "red"
    elif suite.chosen != suite.cases:
        color = "lightgrey"
    elif counts["skip"] or counts["xfail"]:
        color = "yellow"
    record = {"schemaVersion": 1, "label": f"{report.key} conformance", "message": message, "color": color}
    return json.dumps(record) + "\n"
