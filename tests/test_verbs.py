"""Each verb of the command line: its help, its JSON against its schema, what it prints where nobody watches, its exit codes."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys

import jsonschema
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import plmhead
from plmhead.cli import main
from plmhead.commands import GROUPS
from plmhead.commands.parser import make_parser
from plmhead.errors import registry

VERBS = sorted(make_parser().verbs)
#: The protocol of the suite is JSON lines already, described by conformance/README.md; the hub's verbs are tested beside their hub.
ELSEWHERE = {"testee", "push", "fetch"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, repository):
    """A head on sequences, a head without a contract, a pickle, a killed save, version 0: what the verbs work on."""
    folder = tmp_path_factory.mktemp("verbs")
    data = repository / "examples/demo_sequences.csv"
    code, _ = json_of(
        "train", "--data", data, "--out", folder / "head", "--folds", 3, "--embeddings-out", folder / "X.npy"
    )
    assert code == 0
    rng = np.random.default_rng(5)
    X = rng.normal(size=(90, 4)).astype(np.float32)
    model = LogisticRegression().fit(X, np.arange(90) % 3)
    plmhead.save(model, folder / "three", quiet=True)
    np.save(folder / "X3.npy", X)
    import pickle

    (folder / "model.pkl").write_bytes(pickle.dumps(model))
    version_0 = repository / "conformance/gold/cases/0.1.0/scikit-learn-1.9/version-0"
    for suffix in (".npz", "_config.json"):
        shutil.copy(version_0 / f"model{suffix}", folder / f"old{suffix}")
    return folder


def json_of(*words: object) -> tuple[int, list]:
    """The exit code of a verb with --json, run in this process, and the lines that it printed, parsed."""
    import contextlib
    import io

    with contextlib.redirect_stdout(io.StringIO()) as printed:
        code = main([str(word) for word in (*words, "--json")])
    return code, [json.loads(line) for line in printed.getvalue().splitlines()]


def check(verb: str, found: list, repository) -> None:
    schema = json.loads((repository / f"python/plmhead/schemas/{verb}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$id"] == f"urn:plmhead:{verb}:1"
    assert found
    for value in found:
        jsonschema.Draft202012Validator(schema).validate(value)


def cases(folder, repository) -> dict[str, list[tuple[list, int]]]:
    """Words and exit codes, verb by verb."""
    data = repository / "examples/demo_sequences.csv"
    head = folder / "head"
    gone = folder / "gone"
    return {
        "inspect": [([head], 0), ([folder / "three"], 0), ([folder / "old"], 0)],
        "verify": [([head], 0), ([gone], 1), ([folder / "old", "--require-verified"], 1)],
        "score": [([head, folder / "X.npy"], 0), ([folder / "three", folder / "X3.npy"], 0)],
        "predict": [([head, "--data", data], 0)],
        "embed": [([data, "--encoder", "plmhead/random-esm2-tiny", "-o", folder / "E.npy"], 0)],
        "train": [(["--embeddings", folder / "X.npy", "--labels", data, "--folds", 3, "--out", folder / "again"], 0)],
        "evaluate": [([head, "--data", data, "--resamples", 20], 0)],
        "compare": [([head, head], 0), ([head, folder / "three"], 3)],
        "card": [([head, "--out", folder / "card"], 0)],
        "bundle": [([head, "--encoder", "plmhead/random-esm2-tiny", "--out", folder / "bundle"], 0)],
        "convert": [([folder / "model.pkl", "-o", folder / "converted"], 0)],
        "upgrade": [([folder / "old", folder / "new"], 0)],
        "amend": [([folder / "three", "--set", '/extensions={"a.b": 1}'], 0)],
        "seal": [([folder / "bare"], 0)],
        "repair": [([head], 0), ([gone], 1)],
        "explain": [([], 0), (["NPZ_DIGEST"], 0), (["golden"], 0)],
        "doctor": [([], 0)],
    }


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ELSEWHERE | {"sign", "export", "completion"}])
def test_json_is_as_its_schema_says(verb, folder, repository):
    if verb == "seal":
        arrays = dict(np.load(folder / "three.npz"))
        np.savez(folder / "bare.npz", **arrays)
        members = json.loads((folder / "three_config.json").read_text())
        sealed = ("format", "format_version", "min_reader", "self_test", "golden", "npz_sha256", "config_sha256")
        bare = {name: value for name, value in members.items() if name not in sealed}
        (folder / "bare_config.json").write_text(json.dumps(bare))
    for words, expected in cases(folder, repository)[verb]:
        code, found = json_of(verb, *words)
        assert (code, bool(found)) == (expected, True), (words, found)
        check(verb, found, repository)


def test_json_of_sign(folder, repository):
    pytest.importorskip("model_signing")
    key = folder / "private.pem"
    make = f"openssl ecparam -genkey -name prime256v1 -noout -out {key}"
    subprocess.run(make.split(), check=True, capture_output=True)
    check("sign", json_of("sign", folder / "three", "--key", key)[1], repository)


def test_json_of_export(folder, repository):
    pytest.importorskip("onnx")
    check("export", json_of("export", folder / "head", "--onnx", folder / "head.onnx")[1], repository)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_json_of_completion(shell, repository):
    check("completion", json_of("completion", shell)[1], repository)


def test_every_verb_has_a_schema_and_the_option(repository):
    schemas = {path.name.removesuffix(".schema.json") for path in (repository / "python/plmhead/schemas").iterdir()}
    assert schemas == set(VERBS) - {"testee"}
    for verb, parser in make_parser().verbs.items():
        assert ("--json" in parser.format_help()) == (verb != "testee"), verb


def test_every_verb_stands_in_one_group():
    assert sorted(name for names in GROUPS.values() for name in names) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_help_is_a_sentence(verb, capsys):
    with pytest.raises(SystemExit) as ended:
        main([verb, "--help"])
    text = capsys.readouterr().out
    assert ended.value.code == 0
    assert text.startswith(f"usage: plmhead {verb}")
    sentence = make_parser().verbs[verb].description
    assert re.fullmatch(r"[A-Z].*\.", sentence)


def test_the_help_of_all_is_grouped_and_light(run):
    done = run("--help")
    assert [line for line in done.stdout.splitlines() if line.endswith(":")] == [f"{title}:" for title in GROUPS]
    script = (
        "import sys, plmhead.cli\ntry: plmhead.cli.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'sklearn', 'torch', 'onnxruntime', 'scipy', 'shtab', 'yaml', 'onnx'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["verfy"], "there is no command verfy; did you mean verify?"),
        (["score", "--treshold", "0.5"], "there is no option --treshold; did you mean --threshold?"),
        (["verify", "--jsn=1"], "there is no option --jsn; did you mean --json?"),
        (["inspect", "--zzzzz"], "there is no option --zzzzz (see"),
        (["inspect", "a", "b"], "found b beyond what it takes"),
        (["--versoin"], "did you mean --version?"),
        (["train", "--classifer.C", "1"], "did you mean --classifier.C"),
        ([], "a command is due"),
        (["inspect\x1b[31m"], "there is no command inspect\\u001b[31m"),
    ],
)
def test_a_wrong_word_is_answered_by_the_nearest(words, text, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    printed = capsys.readouterr()
    assert (ended.value.code, printed.out) == (2, "")
    assert text in printed.err
    assert "\x1b" not in printed.err


def test_explain_knows_every_code_and_the_rule_of_each(capsys):
    for code, entry in registry().items():
        assert main(["explain", code.lower()]) == 0
        text = capsys.readouterr().out
        assert text.startswith(f"{code}: {entry['summary']}\n")
        assert (entry["remedy"] or "") in text
        if not entry["clause"].startswith("section"):
            assert f"rule {entry['clause']} of the specification:\n\n" in text
            rule = text.split("of the specification:\n\n")[1]
            assert len(rule) > 20
            assert "\n- **" not in rule
    assert main(["explain"]) == 0
    text = capsys.readouterr().out
    assert all(code in text for code in registry())


def test_explain_suggests_the_nearest_code(capsys):
    assert main(["explain", "NPZ_DIGETS"]) == 2
    assert "expected NPZ_DIGEST" in capsys.readouterr().err


def on_a_terminal(words: list, **environment: str) -> str:
    """What a command writes where standard output and error are a terminal."""
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "plmhead", *map(str, words)],
        stdout=slave,
        stderr=slave,
        env={**os.environ, "TERM": "xterm", **environment},
    )
    os.close(slave)
    text = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # Linux says EIO where the other end is closed
            break
        if not piece:
            break
        text += piece
    os.close(master)
    assert process.wait(60) == 0, text
    return text.decode()


def test_progress_is_for_a_terminal_alone_and_colours_for_nobody(folder, repository, run):
    words = [
        "predict",
        folder / "head",
        "--data",
        repository / "examples/demo_sequences.csv",
        "--out",
        folder / "p.csv",
    ]
    shown = on_a_terminal(words, NO_COLOR="1")
    assert "embedding: 200 of 200" in shown
    assert "\x1b" not in shown
    done = run(*words)
    assert "embedding" not in done.stdout + done.stderr
    assert "\x1b" not in on_a_terminal(["--help"], NO_COLOR="1") + run("--help").stdout


def test_an_interrupt_is_one_line_and_130():
    script = (
        "import signal, sys, plmhead.cli, plmhead.commands.show as show\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def stop(*_): signal.raise_signal(signal.SIGINT)\n"
        "show.load = stop\n"
        "sys.exit(plmhead.cli.main(['inspect', 'x']))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "plmhead: interrupted\n")
