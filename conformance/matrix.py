"""matrix.html: one file without scripts or requests; loaders by areas, and behind each count the cases that did not pass."""

import struct
from collections import Counter
from html import escape
from pathlib import Path
from string import Template

from .judge import BITS
from .report import FAILURES, RESULTS, WORDS, Outcome, Suite, TesteeReport, area_of, headline

TEMPLATE = Path(__file__).with_name("report.html")
MAX_FITTED = 4  # loaders whose columns fit on a phone; with more the table scrolls sideways
MAX_SHOWN = 20  # cases of one area and loader; a loader that refuses everything must not make a page of megabytes


def page(suite: Suite, reports: list[TesteeReport]) -> str:
    failing = [report for report in reports if not conforms(report)]
    by_area = Grouped(suite.ids, reports)
    values = {
        "title": f"Conformance: {escape(headline(suite, reports))}",
        "verdict": escape(verdict(suite, reports, failing)),
        "verdict_class": "bad" if failing or suite.unknown else "good",
        "facts": facts(suite),
        "cards": "\n".join(card(report) for report in reports),
        "note": note(by_area.open),
        "table_class": "areas fit" if len(reports) <= MAX_FITTED else "areas",
        "columns": "".join(column(report) for report in reports),
        "rows": "\n".join(row(area, by_area, reports) for area in by_area.order),
        "digest": escape(suite.digest),
    }
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(values)


class Grouped:
    """Outcomes by area and loader, areas in the order shown: failures, then skips and known failures, then the rest."""

    def __init__(self, ids: list[str], reports: list[TesteeReport]) -> None:
        self.sizes = Counter(map(area_of, ids))
        self.cells: dict[str, list[list[Outcome]]] = {area: [[] for _ in reports] for area in self.sizes}
        for i, report in enumerate(reports):
            for outcome in report.outcomes:  # `shutdown` is no case: its area is its own
                self.cells.setdefault(outcome.area, [[] for _ in reports])[i].append(outcome)
        self.order = sorted(self.cells, key=lambda area: (self.rank(area), area))
        self.open = any(self.rank(area) < 2 for area in self.order)

    def rank(self, area: str) -> int:
        results = {outcome.result for outcomes in self.cells[area] for outcome in outcomes}
        return 0 if results & set(FAILURES) else 1 if results - {"pass"} else 2


def conforms(report: TesteeReport) -> bool:
    return not (report.failures or report.protocol_broken or report.vacuous)


def note(to_see: bool) -> str:
    first = "A number alone is that of the cases, all passed."
    return f"{first} Areas with other outcomes come first; open a line to see them." if to_see else first


def verdict(suite: Suite, reports: list[TesteeReport], failing: list[TesteeReport]) -> str:
    if suite.unknown:
        return f"{len(suite.unknown)} known failures are listed that are no cases: {', '.join(suite.unknown[:3])}"
    if not failing:
        loaders = "The loader passes" if len(reports) == 1 else f"All {len(reports)} loaders pass"
        if any(report.counts["skip"] or report.counts["xfail"] for report in reports):
            return f"{loaders}, but for what they skip or list as known"
        applicable = any(report.counts["inapplicable"] for report in reports)
        return f"{loaders} every case that applies" if applicable else f"{loaders} every case"
    if len(failing) == 1:
        return f"{failing[0].name} does not conform: {trouble(failing[0])}"
    failures = sum(report.failures for report in failing)
    return f"{len(failing)} of {len(reports)} loaders do not conform: {plural(failures, 'failure')}"


def plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def facts(suite: Suite) -> str:
    cases = f"{suite.cases}" if suite.chosen == suite.cases else f"{suite.chosen} of {suite.cases} ({suite.only})"
    pairs = {"Suite": suite.version, "Profile": suite.profile, "Cases": cases, "Manifest": suite.digest[:12]}
    return "\n".join(f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in pairs.items())


def tone(result: str) -> str:
    if result in FAILURES:
        return "bad"
    return {"pass": "good", "inapplicable": "none"}.get(result, "warn")


def trouble(report: TesteeReport) -> str:
    """Why a loader does not conform."""
    if report.broken:
        return f"broken: {report.broken}"
    if report.failures:
        return plural(report.failures, "failure")
    return "nothing ran" if not report.not_run else f"{plural(report.not_run, 'case')} did not run"


def card(report: TesteeReport) -> str:
    counts = report.counts
    state, kind = ("conforms", "good") if conforms(report) else (trouble(report), "bad")
    parts = [(tone(name), counts[name], WORDS[name]) for name in RESULTS if counts[name]]
    parts += [("none", report.not_run, "not run")] if report.not_run else []
    bar = "".join(f'<i class="fill-{fill}" style="flex-grow:{count}"></i>' for fill, count, _ in parts)
    said = ", ".join(f"{count} {word}" for _, count, word in parts)
    items = "".join(f"<li><b>{count}</b> {word}</li>" for _, count, word in parts)
    memory = f"<li><b>{report.peak_mib:.0f}</b> MiB</li>" if report.peak_mib else ""
    return (
        f'<li><h3>{escape(report.name)}</h3><p class="state {kind}">{escape(state)}</p>'
        f'<div class="bar" role="img" aria-label="{said}">{bar}</div>'
        f'<ul class="counts">{items}<li><b>{report.seconds:.1f}</b> s</li>{memory}</ul></li>'
    )


def column(report: TesteeReport) -> str:
    testee = report.hello.get("testee")
    if testee is None:
        return f'<th scope="col">{escape(report.name)}</th>'
    name, language = escape(testee["name"]), escape(testee["language"])
    return f'<th scope="col">{name}<span>{language}</span></th>'


def row(area: str, by_area: Grouped, reports: list[TesteeReport]) -> str:
    """An area's counts, and below them one disclosure for each loader that has more to say than `passed`."""
    size, counts, lists = by_area.sizes[area], [], []
    for report, outcomes in zip(reports, by_area.cells[area], strict=True):
        open_cases = sorted((o for o in outcomes if o.result != "pass"), key=lambda o: (not o.failed, o.id))
        anchor = escape(f"{report.key}-{area}")
        counts.append(count(size, outcomes, open_cases, anchor))
        if open_cases:
            lists.append(listing(report.name, size - len(outcomes), open_cases, anchor))
    line = f'<tr><th scope="row">{escape(area)}</th>{"".join(counts)}</tr>'
    more = f'<tr class="more"><td colspan="{len(reports) + 1}">{"".join(lists)}</td></tr>' if lists else ""
    return f"<tbody>{line}{more}</tbody>"


def count(size: int, outcomes: list[Outcome], open_cases: list[Outcome], anchor: str) -> str:
    passed = len(outcomes) - len(open_cases)
    text = f'{passed}<span class="hidden"> passed</span> of {size}'
    if open_cases and size:
        return f'<td class="n {tone(open_cases[0].result)}"><a href="#{anchor}">{text}</a></td>'
    if open_cases:
        return f'<td class="n bad"><a href="#{anchor}">failed</a></td>'
    if not size:
        return '<td class="n"></td>'
    if not outcomes:
        return '<td class="n warn">not run</td>'
    if passed < size:
        return f'<td class="n warn">{text}</td>'
    return f'<td class="n good">{size}<span class="hidden"> passed</span></td>'


def listing(who: str, missing: int, open_cases: list[Outcome], anchor: str) -> str:
    parts = [(WORDS[name], sum(outcome.result == name for outcome in open_cases)) for name in RESULTS]
    words = ", ".join(f"{number} {word}" for word, number in [*parts, ("not run", missing)] if number > 0)
    kind = tone(open_cases[0].result)
    shown = "".join(described(outcome) for outcome in open_cases[:MAX_SHOWN])
    hidden = len(open_cases) - MAX_SHOWN
    rest = f'<p class="note">{hidden} more are in results.jsonl.</p>' if hidden > 0 else ""
    # A link to something inside a closed disclosure opens it; so no script is needed.
    return (
        f'<details class="edge-{kind}"><summary>{escape(who)}: <b class="{kind}">{words}</b></summary>'
        f'<div class="list" id="{anchor}">{shown}{rest}</div></details>'
    )


def described(outcome: Outcome) -> str:
    pairs = {}
    if outcome.failed and outcome.expected != outcome.got and outcome.result != "xpass":
        pairs = {"Expected": outcome.expected, "Returned": outcome.got or "no answer"}
    if outcome.known:
        pairs["Known failure"] = f"{outcome.known['reason']} ({outcome.known['issue']})"
    terms = "".join(f"<dt>{name}</dt><dd>{escape(text)}</dd>" for name, text in pairs.items())
    parts = [f'<h4>{escape(outcome.id)}<span class="{tone(outcome.result)}">{WORDS[outcome.result]}</span></h4>']
    parts += [f'<p class="why">{escape(outcome.clause)}: {escape(outcome.why)}</p>'] if outcome.why else []
    parts += [f"<p>{escape(outcome.detail)}</p>"] if outcome.detail else []
    parts += [f"<dl>{terms}</dl>"] if terms else []
    parts += [values_table(outcome.values)] if outcome.values else []
    return f'<article class="case">{"".join(parts)}</article>'


def values_table(values: tuple[dict[str, object], ...]) -> str:
    """The bits and decimals of each value; nothing where the words above say all there is."""
    if not any(BITS.fullmatch(str(value["got"])) for value in values):
        return ""
    heads = '<tr><td></td><th scope="col">bits</th><th scope="col">decimal</th></tr>'
    return f'<table class="values"><thead>{heads}</thead>{"".join(map(value_rows, values))}</table>'


def value_rows(value: dict[str, object]) -> str:
    got, due = str(value["got"]), value["expected"]
    rows = [("returned", got)]
    rows += [("at least", str(due[0])), ("at most", str(due[1]))] if isinstance(due, list) else [("expected", str(due))]
    name = f"{value['name']}, row {value['row']}" if "row" in value else str(value["name"])
    head = f'<tr><th class="name" colspan="3" scope="rowgroup">{escape(name)}{distance(got, str(due))}</th></tr>'
    lines = "".join(f'<tr><th scope="row">{word}</th>{shown_value(text)}</tr>' for word, text in rows)
    return f"<tbody>{head}{lines}</tbody>"


def shown_value(text: str) -> str:
    if not BITS.fullmatch(text):
        return f'<td class="mono" colspan="2">{escape(text)}</td>'
    return f'<td class="mono bits">{text}</td><td class="mono">{number(text)!r}</td>'


def number(bits: str) -> float:
    return struct.unpack(">d", bytes.fromhex(bits))[0]


def distance(got: str, expected: str) -> str:
    """How many binary64 numbers lie between the two: 1 is a last bit, a large number is another computation."""
    if not (BITS.fullmatch(got) and BITS.fullmatch(expected)):
        return ""
    steps = abs(ordered(got) - ordered(expected))
    if not steps:
        return ": only the sign of zero differs"
    return f": {steps} ULP apart" if steps < 1_000_000 else ": far apart"


def ordered(bits: str) -> int:
    """Neighbouring numbers get neighbouring integers."""
    word = int(bits, 16)
    return word if word < 1 << 63 else (1 << 63) - word
