"""`plmhead card`: what it says, that a stranger's words stay words, that its code runs, and how it looks in a browser."""

from __future__ import annotations

import hashlib
import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import hypothesis
import hypothesis.strategies as st
import jsonschema
import numpy as np
import pytest
import yaml
from sklearn.linear_model import LogisticRegression

import plmhead
from plmhead.card import Evaluated, Publication, make_card, make_document, markdown
from plmhead.card import html as page_of
from plmhead.card.document import (
    Bullets,
    Code,
    Document,
    Figure,
    Figures,
    Matrices,
    Matrix,
    Paragraph,
    Section,
    Snippet,
    Table,
    inlines,
    printable,
    shown,
)
from plmhead.cli import main
from plmhead.encode import declared_contract
from plmhead.errors import InputError
from plmhead.evaluate import Bootstrap, evaluate, label_codes
from plmhead.metrics import Answer

REPOSITORY = Path(__file__).resolve().parents[1]
SCHEMA = json.loads((Path(plmhead.__file__).parent / "schemas" / "card.schema.json").read_text())
EVIL = [
    "</code></td><script>alert(1)</script>",
    "`` `<img src=x onerror=alert(1)>` ``",
    "| a | b |\n\n---\n# x",
    "[l](javascript:alert(1)) ![i](http://evil.example/x.png) <http://evil.example> www.evil.example",
    '"><svg onload=alert(1)>&lt;',
    "\u202eright to left\u200b\x9b31m\x85",
    "\\|",
    "  ",
    "$x$ {{ y }} ${z} <!-- c -->",
    "a" * 200,
]
RNG = np.random.default_rng(12)


def saved(path: Path, k: int = 2, labels: list[str] | None = None, **members: object) -> plmhead.Head:
    """A head of k classes on 8 features."""
    X = RNG.normal(size=(150, 8))
    y = np.array(labels or [str(c) for c in range(k)])[np.argmax(X[:, :k] + RNG.normal(size=(150, k)), axis=1)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        plmhead.save(LogisticRegression().fit(X, y), path, quiet=True, **members)
    return plmhead.load(path)


def evaluated(head: plmhead.Head, file: str = "rows.csv", groups: list[str] | None = None) -> Evaluated:
    """The head on 200 rows."""
    X = RNG.normal(size=(200, 8))
    k = len(head.classes)
    codes = np.argmax(X[:, :k] + RNG.normal(size=(200, k)), axis=1)
    found = evaluate(head, X, codes, groups=groups, settings=Bootstrap(20))
    described = {"data": {"file": file, "sha256": "0" * 64, "rows_of": "embeddings", "group_column": None}}
    return Evaluated({**described, **found}, codes, Answer(label_codes(head, head.predict(X)), head.predict_proba(X)))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """A head, and an evaluation, in which every free string is hostile."""
    folder = tmp_path_factory.mktemp("hostile")
    training = {"dataset": EVIL[5], "assay_type": "`|`", "fragment_type": "<b>", "rows": 150}
    thresholds = {re.sub("[\0-\x1f]", " ", name)[:64]: 0.1 + 0.08 * i for i, name in enumerate(EVIL[:9])}
    two = saved(folder / "two", labels=[EVIL[0], EVIL[4]], assay_thresholds=thresholds, training=training)
    many = saved(folder / "many", k=4, labels=EVIL[:4])
    groups = [EVIL[i % len(EVIL)] for i in range(200)]
    return [(head, evaluated(head, EVIL[3], groups)) for head in (two, many)]


# --- what it says


def texts(document: Document):
    """Every text of the content, apart from any rendering."""
    yield Code(document.name)
    yield document.lead
    for name, value in document.facts:
        yield from (name, value)
    for section in document.sections:
        yield section.title
    for block in document.blocks():
        match block:
            case Paragraph(text, _):
                yield text
            case Bullets(items):
                yield from items
            case Table(caption, header, rows, _):
                yield from (caption, *header, *(cell for row in rows for cell in row))
            case Matrices(items):
                for item in items:
                    yield from (item.title, *map(Code, item.labels), *(str(n) for row in item.counts for n in row))
            case Snippet(title, _, text):
                yield from (title, *text.splitlines())
            case Figures(items):
                yield from (text for item in items for text in (item.title, item.words))


def plain(text) -> str:
    return "".join(shown(part) if isinstance(part, Code) else printable(part) for part in inlines(text))


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def text_of_page(page: str) -> str:
    """The text of <main>, which must be well-formed."""
    inner = re.search(r"<main>.*</main>", page, re.DOTALL)
    assert inner
    return "".join(ElementTree.fromstring(inner[0]).itertext())


def text_of_markdown(text: str) -> str:
    tokens = parsed(text)
    return "".join(child.content for token in tokens for child in token.children or [token])


def parsed(text: str):
    """The tokens of the Markdown after the front matter, HTML and links allowed, as on a hub."""
    markdown_it = pytest.importorskip("markdown_it", reason="needs markdown-it-py, which make test installs")
    body = re.sub(r"\A---\n.*?\n---\n", "", text, flags=re.DOTALL)
    return markdown_it.MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).parse(body)


@pytest.mark.parametrize("which", [0, 1])
def test_both_files_say_the_same(hostile, which):
    head, rows = hostile[which]
    document = make_document(head, EVIL[1], evaluated=rows, digests=[("a.npz", "0" * 64)])
    page, readme = (
        squeezed(text_of_page(page_of.render(document))),
        squeezed(text_of_markdown(markdown.render(document))),
    )
    for text in texts(document):
        assert squeezed(plain(text)) in page
        assert squeezed(plain(text)) in readme


def test_a_card_is_a_function_of_what_it_is_made_of(tmp_path):
    head = saved(tmp_path / "head")
    rows = evaluated(head)
    assert make_card(head, "head", evaluated=rows) == make_card(head, "head", evaluated=rows)


def test_the_numbers_are_those_of_evaluate(tmp_path):
    head = saved(tmp_path / "head", assay_thresholds={"PSR": 0.5495})
    rows = evaluated(head)
    page = text_of_page(make_card(head, "head", evaluated=rows).page)
    for score in rows.found["scores"].values():
        assert f"{score['value']:.3f}" in page
        assert f"{score['low']:.3f} to {score['high']:.3f}" in page
    for row in rows.found["thresholds"]:
        assert f"{row['specificity']:.3f}" in page


def test_rows_of_the_training_are_called_so(tmp_path):
    head = saved(tmp_path / "head", training={"dataset_sha256": "0" * 64})
    assert "the rows that it was trained on" in make_card(head, "head", evaluated=evaluated(head)).page
    assert "the rows that it was trained on" not in make_card(head, "head").page


def test_warnings_that_an_artifact_calls_for(tmp_path, shared_data):
    contract = {**declared_contract("esm2", "plmhead/random-esm2-tiny", None, 8), "origin": "declared"}
    page = make_card(saved(tmp_path / "head", embedding=contract), "head").page
    for words in ("random weights", "declared by whoever saved", "digest is not recorded", "No cross-validation"):
        assert words in page
    old = plmhead.load(shared_data / "published_v0" / "boughter_vh_esm1v_logreg")
    card = make_card(old, "old")
    assert "holds no embedding contract" in card.page
    assert "not verified" in card.page
    assert "counts the end token" in card.page
    assert metadata(card.readme)["base_model"] == "facebook/esm1v_t33_650M_UR90S_1"


# --- front matter


def metadata(readme: str) -> dict[str, object]:
    return yaml.safe_load(re.match(r"---\n(.*?)\n---\n", readme, re.DOTALL)[1])


def test_the_front_matter_is_what_hubs_read(tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub, which make test installs")
    contract = declared_contract("esm2", "facebook/esm2_t6_8M_UR50D", "main", 8)
    scores = {"roc_auc": {"mean": 0.7, "std": 0.1}, "own": {"mean": 0.1, "std": 0.0}, "f1": {"mean": None, "std": None}}
    cross = {"folds": 5, "stratified": True, "scores": scores}
    head = saved(
        tmp_path / "head", embedding=contract, metrics={"cross_validation": cross}, training={"dataset": "a.csv"}
    )
    publication = Publication("apache-2.0", ("owner/name",))
    card = hub.ModelCard(make_card(head, "head", evaluated=evaluated(head), publication=publication).readme)
    data = card.data
    assert (data.library_name, data.license, data.datasets) == ("plmhead", "apache-2.0", ["owner/name"])
    assert (data.base_model, data.pipeline_tag) == ("facebook/esm2_t6_8M_UR50D", "text-classification")
    assert {"plmhead", "esm2"} <= set(data.tags)
    assert {"roc_auc", "matthews_correlation", "brier_score"} <= set(data.metrics)
    results = [(result.dataset_name, result.metric_type) for result in data.eval_results]
    assert results.count(("a.csv", "roc_auc")) == 1
    assert ("a.csv", "f1") not in results
    assert ("rows.csv", "f1") in results
    assert card.data.to_dict()["model-index"][0]["name"] == "head"
    assert "own" in card.text


@hypothesis.given(st.text(), st.text(min_size=1))
def test_no_name_leaves_the_front_matter(name, file):
    entry = {"task": {"type": "t"}, "dataset": {"name": printable(file)}}
    document = Document(name, "", (), (), {"model-index": [{"name": printable(name), "results": [entry]}]})
    text = markdown.render(document)
    found = metadata(text)
    assert found["model-index"][0]["name"] == printable(name)
    assert found["model-index"][0]["results"][0]["dataset"]["name"] == printable(file)


@pytest.mark.parametrize("name", ["plmhead/random-esm2-tiny", "folder", None])
def test_no_base_model_that_no_hub_has(tmp_path, name):
    contract = None if name is None else declared_contract("esm2", name, None, 8)
    found = metadata(make_card(saved(tmp_path / "head", embedding=contract), "head").readme)
    assert "base_model" not in found
    assert found["pipeline_tag"] == ("tabular-classification" if name is None else "text-classification")
    assert found["license"] == "unknown"


@pytest.mark.parametrize("arguments", [("MIT License",), ("mit\nx: y",), ("mit", ("a b",)), ("mit", ("a/b/c",))])
def test_what_is_no_identifier_is_refused(arguments):
    with pytest.raises(InputError) as caught:
        Publication(*arguments)
    assert caught.value.code == "ARGUMENT"


# --- a stranger's words


class Tags(html.parser.HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("which", [0, 1])
def test_the_page_needs_nothing_else_and_runs_nothing(hostile, which):
    head, rows = hostile[which]
    page = make_card(head, EVIL[0], evaluated=rows).page
    tags = Tags(page).found
    assert not {tag for tag, _ in tags} & {"script", "img", "iframe", "object", "embed", "form", "base", "use", "image"}
    names = {name for _, attributes in tags for name in attributes}
    assert not {name for name in names if name.startswith("on")}
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [attributes.get("href") or attributes.get("src") for _, attributes in tags]
    for link in filter(None, links):
        assert link == "data:," or link[1:] in ids
    assert not re.search(r"url\(|@import", page)
    assert "default-src 'none'" in page
    described = [attributes for tag, attributes in tags if tag == "svg"]
    described = [attributes for attributes in described if attributes.get("aria-hidden") != "true"]
    assert len(described) == 4
    for attributes in described:
        assert attributes["role"] == "img"
        assert set(attributes["aria-labelledby"].split()) <= set(ids)
    assert not {"\u202e", "\x9b", "\x85", "\u200b"} & set(page)


@pytest.mark.parametrize("which", [0, 1])
def test_the_markdown_holds_no_markup_but_ours(hostile, which):
    head, rows = hostile[which]
    readme = make_card(head, EVIL[2], evaluated=rows).readme
    tokens = [inner for token in parsed(readme) for inner in (token, *(token.children or []))]
    kinds = {token.type for token in tokens}
    assert not kinds & {"html_block", "html_inline", "image", "link_open", "s_open", "em_open", "hr"}
    assert [token.content for token in tokens if token.type == "inline"].count("") < 400
    headings = [token.tag for token in tokens if token.type == "heading_open"]
    assert headings == ["h1"] + ["h2"] * 8
    assert not {"\u202e", "\x9b", "\x85", "\u200b"} & set(readme)


WORDS = st.text(st.characters(exclude_categories=()), max_size=12) | st.text("`|\\<>&[]()*_!#-~$ \n", max_size=12)


@hypothesis.given(st.lists(WORDS, min_size=6, max_size=6), WORDS)
@hypothesis.settings(max_examples=200)
def test_any_text_anywhere_stays_text(words, own):
    code = [Code(word) for word in words]
    blocks = (
        Paragraph(("see ", code[0], own, "end")),
        Bullets((("item ", code[1], own, "end"),)),
        Table("caption", ("head", code[2]), ((("x", own, "end"), code[3]),)),
        Matrices((Matrix(("title ", code[4]), ("a", words[5]), ((1, 2), (3, 4))),)),
        Figures((Figure("figure one", "", "words", (("A", code[0]),)),)),
    )
    document = Document(words[0], ("lead ", code[1]), (("fact", code[2]),), (Section("Title", "t", blocks),), {"a": 1})
    page, readme = text_of_page(page_of.render(document)), text_of_markdown(markdown.render(document))
    for text in texts(document):
        assert squeezed(plain(text)) in squeezed(page)
        assert squeezed(plain(text)) in squeezed(readme)
    tags = {tag for tag, _ in Tags(page_of.render(document)).found}
    assert not tags & {"script", "img"}


# --- the command


def test_the_command_writes_both_files_and_says_so(tmp_path, run):
    saved(tmp_path / "head")
    done = run("card", "head", "--json", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    written = json.loads(done.stdout)
    jsonschema.validate(written, SCHEMA)
    assert written == {
        "name": "head",
        "readme": "README.md",
        "html": "head.html",
        "evaluated": False,
        "signature": "none",
    }
    readme, config = (tmp_path / "README.md").read_text(), (tmp_path / "head_config.json").read_bytes()
    assert hashlib.sha256(config).hexdigest() in readme
    assert hashlib.sha256((tmp_path / "head.npz").read_bytes()).hexdigest() in readme
    text, seal = readme.rsplit("<!-- plmhead card ", 1)
    assert seal == f"{hashlib.sha256(text.encode()).hexdigest()} -->\n"


def test_somebody_elses_readme_is_not_replaced(tmp_path, capsys):
    saved(tmp_path / "head")
    command = ["card", str(tmp_path / "head")]
    (tmp_path / "README.md").write_text("mine")
    assert main(command) == 1
    assert "OUTPUT" in capsys.readouterr().err
    assert (tmp_path / "README.md").read_text() == "mine"
    assert not (tmp_path / "head.html").exists()
    assert main([*command, "--replace"]) == 0
    assert main(command) == 0, "its own is replaced"
    with (tmp_path / "head.html").open("a") as file:
        file.write("a note")
    assert main(command) == 1, "but not one that was edited since"
    assert main([*command, "--out", str(tmp_path / "new" / "folder")]) == 0
    assert (tmp_path / "new" / "folder" / "head.html").exists()


def test_options_that_need_rows(tmp_path, capsys):
    saved(tmp_path / "head")
    assert main(["card", str(tmp_path / "head"), "--group-column", "x"]) == 2
    assert main(["card", str(tmp_path / "head"), "--license", "My own"]) == 2
    assert "ARGUMENT (--group-column)" in capsys.readouterr().err
    assert not (tmp_path / "README.md").exists()


def test_the_state_of_the_signature(tmp_path, capsys):
    pytest.importorskip("model_signing", reason="needs model-signing: pip install 'plmhead[sign]'")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    (tmp_path / "private.pem").write_bytes(key.private_bytes(pem, form, serialization.NoEncryption()))
    public = key.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(public)
    saved(tmp_path / "head")
    command = ["card", str(tmp_path / "head"), "--json"]
    with_key = [*command, "--public-key", str(tmp_path / "public.pem")]
    assert main(with_key) == 1
    assert "SIGNATURE_MISSING" in capsys.readouterr().err
    assert main(["sign", str(tmp_path / "head"), "--key", str(tmp_path / "private.pem")]) == 0
    capsys.readouterr()
    for arguments, state, words in (
        (command, "unchecked", "not checked for this card"),
        (with_key, "checked", hashlib.sha256(public).hexdigest()),
    ):
        assert main(arguments) == 0
        assert json.loads(capsys.readouterr().out)["signature"] == state
        assert words in (tmp_path / "README.md").read_text()


# --- the snippets


def blocks(readme: str) -> dict[str, str]:
    return dict(re.findall(r"^```(\w+)\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("k", [2, 3])
def test_the_snippets_run_and_agree(tmp_path, k):
    head = saved(tmp_path / "a-head.v1", k)
    found = blocks(make_card(head, "a-head.v1").readme)
    expected = head.predict_proba(np.zeros((1, 8)))[0].tolist()
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "plmhead").symlink_to(REPOSITORY / "js-loader")
    (tmp_path / "block.mjs").write_text(found["js"])
    commands = {"python": [sys.executable, "-W", "error", "-c", found["python"]], "js": ["node", "block.mjs"]}
    if k == 2:  # one build
        commands["rust"] = [str(built(found["rust"], tmp_path))]
    for language, command in commands.items():
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, (language, done.stderr)
        numbers = [float(word) for word in re.findall(r"\d\.\d+(?:e-\d+)?", done.stdout)]
        assert numbers[:k] == pytest.approx(expected, abs=1e-7), language


def built(source: str, folder: Path) -> Path:
    project = folder / "block"
    (project / "src").mkdir(parents=True)
    manifest = '[package]\nname = "card"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\n'
    (project / "Cargo.toml").write_text(f'{manifest}plmhead = {{ path = "{REPOSITORY / "rust-loader"}" }}\n')
    shutil.copy(REPOSITORY / "rust-loader" / "Cargo.lock", project)  # the locked versions, already fetched
    (project / "src" / "main.rs").write_text(source)
    target = REPOSITORY / "rust-loader" / "target" / "readme"
    done = subprocess.run(
        ["cargo", "build", "--quiet", "--manifest-path", str(project / "Cargo.toml")],
        capture_output=True, text=True, timeout=600, env={**os.environ, "CARGO_TARGET_DIR": str(target)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target / "debug" / "card"


def test_a_name_that_no_language_takes_as_it_is_stays_out_of_the_code(tmp_path):
    head = saved(tmp_path / "head")
    for name in ('"); import os; ("', "a b", "-rf", "\u202e", "..", "x" * 101):
        for code in blocks(make_card(head, name).readme).values():
            assert "NAME" in code or "predict" not in code
            assert name not in code or name == ".."
