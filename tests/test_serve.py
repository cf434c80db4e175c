"""The service in Rust as a process: what it answers, refuses, and does when it is told to stop. Its core is tested in Rust."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tools import pages, serve_test
from tools.serve_test import Service, running

REPOSITORY = Path(__file__).resolve().parents[1]
CRATE = REPOSITORY / "rust-loader"
JSON = {"content-type": "application/json"}
ONE = json.dumps({"sequences": ["MKLVVV"]})


@pytest.fixture(scope="module")
def program() -> Path:
    if not shutil.which("cargo"):
        pytest.skip("needs cargo")
    target = Path(os.environ.get("CARGO_TARGET_DIR", CRATE / "target/encode"))
    command = ["cargo", "build", "--quiet", "--release", "--locked", "--features", "serve", "--target-dir", str(target)]
    subprocess.run([*command, "--manifest-path", str(CRATE / "Cargo.toml")], check=True)
    return target / "release/plmhead"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return serve_test.tiny(tmp_path_factory.mktemp("serve") / "bundle")


@pytest.fixture(scope="module")
def service(program: Path, bundle: Path) -> Iterator[Service]:
    with running(bundle, program=program) as service:
        yield service


@pytest.fixture(scope="module")
def known(program: Path, bundle: Path) -> dict[str, serve_test.Answer]:
    texts = [*serve_test.pool(60), *serve_test.pool(2, 1022)]
    return dict(zip(texts, serve_test.predict(program, bundle, texts, "--batch-size", "1"), strict=True))


def ask(port: int, method: str, path: str, body: object = None, headers: dict[str, str] | None = None):
    """(status, headers, the JSON of the answer)."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request(method, path, body, headers or {})  # type: ignore[arg-type]
    response = connection.getresponse()
    text = response.read()
    connection.close()
    return response.status, response.headers, json.loads(text)


def raw(port: int, data: bytes) -> bytes:
    """All that comes back for these bytes, until the other side closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(65536), b""))


# --- answers ----------------------------------------------------------------------------------------------------------


def test_answers_are_those_of_predict(service: Service, program: Path, bundle: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("id,sequence\na,MKLVVV\nb,MK*\nc,\nd\ne,mkx\n")
    command = [program, "predict", bundle, table, "--on-error", "report", "--batch-size", "1"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True)
    due = [json.loads(line) for line in done.stdout.splitlines()]
    status, _, found = ask(service.port, "POST", "/v1/predict", table.read_bytes(), {"content-type": "text/csv"})
    assert (status, found["failed"], len(due)) == (200, 3, 5)
    for own, other in zip(found["results"], due, strict=True):
        other.pop("sequence", None)
        if "error" not in own:
            own.pop("line")
        assert own == other
    assert due[1]["error"]["position"] == 3


def test_head_and_health(service: Service, program: Path, bundle: Path) -> None:
    assert ask(service.port, "GET", "/health")[::2] == (200, {"status": "ready"})
    status, headers, found = ask(service.port, "GET", "/v1/head")
    assert (status, headers["content-type"]) == (200, "application/json")
    words = [program, "inspect", bundle / "head", "--json"]
    said = json.loads(subprocess.run(list(map(str, words)), capture_output=True, text=True, check=True).stdout)
    for name in ("format_version", "link", "classes", "n_features_in", "threshold", "assay_thresholds", "npz_sha256"):
        assert found[name] == said[name], name
    config = json.loads((bundle / "head_config.json").read_text())
    assert (found["embedding"], found["config_sha256"]) == (config["embedding"], config["config_sha256"])


def test_a_threshold_is_that_of_the_request_or_of_the_service(program: Path, bundle: Path) -> None:
    with running(bundle, "--threshold", "1", program=program) as service:
        for threshold, label in ((None, 0), (0.0, 1)):
            body = json.dumps({"sequences": ["MKLVVV"], "threshold": threshold})
            assert ask(service.port, "POST", "/v1/predict", body, JSON)[2]["results"][0]["label"] == label


# --- refusals ---------------------------------------------------------------------------------------------------------

CASES = [
    ("GET", "/", None, {}, 404, "REQUEST_PATH", "path"),
    ("GET", "/v1/predict", None, {}, 405, "REQUEST_METHOD", "method"),
    ("POST", "/health", "", {}, 405, "REQUEST_METHOD", "method"),
    ("POST", "/v1/predict", ONE, {}, 415, "REQUEST_TYPE", "content-type"),
    ("POST", "/v1/predict", ONE, {"content-type": "text/plain"}, 415, "REQUEST_TYPE", "content-type"),
    ("POST", "/v1/predict", ONE, {**JSON, "content-encoding": "gzip"}, 415, "REQUEST_TYPE", "content-encoding"),
    ("POST", "/v1/predict", "{", JSON, 400, "JSON_SYNTAX", "body@1"),
    ("POST", "/v1/predict", b'{"sequences": ["\xff"]}', JSON, 400, "JSON_ENCODING", "body@16"),
    ("POST", "/v1/predict", "[" * 100_000, JSON, 400, "JSON_LIMIT", "body@16"),
    ("POST", "/v1/predict", "{}", JSON, 422, "FIELD_MISSING", "/sequences"),
    ("POST", "/v1/predict", '{"sequences": [3]}', JSON, 422, "FIELD_TYPE", "/sequences/0"),
    ("POST", "/v1/predict", '{"sequences": ["M"], "threshold": 2}', JSON, 422, "THRESHOLD", "/threshold"),
    ("POST", "/v1/predict", '{"sequences": ["M"], "assay_type": "x"}', JSON, 422, "ASSAY_TYPE", "/assay_type"),
    ("POST", "/v1/predict", "name\nM\n", {"content-type": "text/csv"}, 422, "DATA", "body"),
    ("POST", "/v1/predict", json.dumps({"sequences": ["M"] * 513}), JSON, 413, "REQUEST_SIZE", "/sequences"),
    ("POST", "/v1/predict", json.dumps({"sequences": ["M" * 1000] * 132}), JSON, 413, "REQUEST_SIZE", "/sequences"),
    ("POST", "/v1/predict", b" " * 2_000_000, JSON, 413, "REQUEST_SIZE", "body"),
    ("POST", "/v1/predict", iter([b" " * 65_536] * 32), JSON, 413, "REQUEST_SIZE", "body"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code", "where"), CASES, ids=lambda value: None
)
def test_refused(service: Service, method, path, body, headers, status, code, where) -> None:
    found, _, refusal = ask(service.port, method, path, body, headers)
    assert (found, refusal["code"], refusal["where"]) == (status, code, where)
    assert set(refusal) == {"code", "where", "message", "remedy"}
    registered = {
        entry["code"]: entry for entry in json.loads((REPOSITORY / "spec/v1/errors.json").read_text())["errors"]
    }
    assert code in registered
    assert ask(service.port, "GET", "/health")[0] == 200


def test_a_body_that_says_it_is_huge_is_not_waited_for(service: Service) -> None:
    head = (
        b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 1073741824\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
        connection.sendall(head)
        assert connection.recv(65536).startswith(b"HTTP/1.1 413 ")


# --- slow and many clients --------------------------------------------------------------------------------------------


def test_slow_heads_and_bodies_end_and_hold_nobody_up(program: Path, bundle: Path) -> None:
    head = b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n"
    with running(bundle, "--head-seconds", "0.5", "--body-seconds", "0.5", program=program) as service:
        said: dict[bytes, bytes] = {}
        sent = (b"", head, head + b"\r\n{")
        threads = [
            threading.Thread(target=lambda data=data: said.update({data: raw(service.port, data)})) for data in sent
        ]
        for thread in threads:
            thread.start()
        assert ask(service.port, "POST", "/v1/predict", ONE, JSON)[0] == 200
        for thread in threads:
            thread.join()
        assert b"200" not in said[b""] + said[head]
        assert said[head + b"\r\n{"].startswith(b"HTTP/1.1 408 ")
        assert b"REQUEST_SLOW" in said[head + b"\r\n{"]


@pytest.mark.parametrize("options", [(), ("--encoders", "2")], ids=["one encoder", "two"])
def test_64_clients_beside_slow_ones(program: Path, bundle: Path, known, options) -> None:
    with running(bundle, *options, program=program) as service:
        with serve_test.slow_clients(service.port, 4):
            tally = serve_test.load(service.port, known, 64, 256)
        assert (tally.requests, tally.lost, tally.wrong, tally.complaint) == (256, 0, 0, "")


def test_batches_change_no_bit(program: Path, bundle: Path) -> None:
    """With --batch-size above 1 all run beside others or themselves: the answers are those of one client alone."""
    texts = [text[:length] for text in serve_test.pool(24) for length in (9, 14, 20)]
    with running(bundle, "--batch-size", "4", program=program) as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        alone = {text: serve_test.ask(connection, [text], 0)[0] for text in texts}
        connection.close()
        tally = serve_test.load(service.port, alone, 32, 128)
        assert (tally.lost, tally.wrong, tally.complaint) == (0, 0, "")


def test_a_client_that_goes_away_costs_nobody_an_answer(service: Service) -> None:
    body = json.dumps({"sequences": serve_test.pool(100)}).encode()
    head = (
        f"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    for _ in range(8):
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
            connection.sendall(head.encode() + body)
    assert ask(service.port, "POST", "/v1/predict", ONE, JSON)[0] == 200


@pytest.mark.parametrize("options", [("--max-requests", "1"), ("--max-queue", "1")], ids=lambda options: options[0])
def test_busy(program: Path, bundle: Path, options: tuple[str, str]) -> None:
    """Long requests are at work: others are told to come back, and the first are answered."""
    long = json.dumps({"sequences": serve_test.pool(30, 1022)})
    answers: list[tuple[int, str | None, str | None]] = []

    def asked(body: str) -> None:
        status, headers, answer = ask(service.port, "POST", "/v1/predict", body, JSON)
        answers.append((status, headers["retry-after"], answer.get("code")))

    with running(bundle, *options, program=program) as service:
        threads = [threading.Thread(target=asked, args=(long,)) for _ in range(3)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            asked(ONE)  # it may itself be what fills the queue, so that a long one is sent away
        assert ask(service.port, "GET", "/health")[0] == 200
    assert set(answers) == {(200, None, None), (503, "1", "SERVICE_BUSY")}


# --- the process ------------------------------------------------------------------------------------------------------


def test_sigterm_in_flight(program: Path, bundle: Path, known) -> None:
    with running(bundle, program=program) as service:
        tally, in_flight = serve_test.stop_in_flight(service, known, 64, 40)
        assert (tally.requests, tally.lost, tally.wrong, tally.complaint) == (64, 0, 0, "")
        assert in_flight > 0
        assert service.process.returncode == 0
        assert serve_test.refuses(service.port)


def test_sigint_ends_it_and_idle_connections(program: Path, bundle: Path) -> None:
    with running(bundle, program=program) as service:
        connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
        connection.request("GET", "/health")
        connection.getresponse().read()
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(timeout=20) == 0
        connection.close()


def test_the_grace_ends(program: Path, bundle: Path) -> None:
    """A client that never sends the rest does not keep the service alive; exit code 1 says that somebody had no answer."""
    head = b"POST /v1/predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
    with running(bundle, "--grace-seconds", "0.2", "--body-seconds", "600", program=program) as service:
        with socket.create_connection(("127.0.0.1", service.port), timeout=60) as connection:
            connection.sendall(head)
            time.sleep(0.3)
            service.process.send_signal(signal.SIGTERM)
            assert service.process.wait(timeout=20) == 1
        assert "SERVICE: found requests without an answer" in service.log.read_text()


def test_the_log_has_no_sequences(program: Path, bundle: Path) -> None:
    with running(bundle, program=program) as service:
        for body in (ONE, '{"sequences": ["MKLVVV*"]}', '{"MKLVVV": 1}'):
            ask(service.port, "POST", "/v1/predict", body, JSON)
        ask(service.port, "POST", "/v1/predict", "MKLVVV\n", {"content-type": "text/x-fasta"})
        ask(service.port, "GET", "/MKLVVV")
        service.process.terminate()
        service.process.wait(timeout=20)
        log = service.log.read_text()
    assert "MKLVVV" not in log
    events = [json.loads(line) for line in log.splitlines()]
    assert [event["event"] for event in events] == ["ready", "warning", *["request"] * 5, "stopping", "stopped"]
    assert [event["status"] for event in events[2:7]] == [200, 200, 422, 200, 404]


def refused_to_start(program: Path, *words: object) -> tuple[int, str]:
    done = subprocess.run([program, "serve", *map(str, words)], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def test_what_does_not_start(program: Path, bundle: Path, service: Service, tmp_path: Path) -> None:
    code, said = refused_to_start(program, bundle, "--listen", f"127.0.0.1:{service.port}")
    assert code == 1
    assert said.startswith(f"plmhead: SERVICE: cannot listen on 127.0.0.1:{service.port}: ")
    code, said = refused_to_start(program, tmp_path)
    assert code == 1
    assert said.startswith("plmhead: BUNDLE_FILE (bundle.json): ")
    code, said = refused_to_start(program, bundle, "--threshold", "2")
    assert code == 1
    assert said.startswith("plmhead: THRESHOLD (threshold): ")
    for words in (
        [],
        [bundle, bundle],
        [bundle, "--listen", "localhost"],
        [bundle, "--max-body", "0"],
        [bundle, "--x"],
    ):
        assert refused_to_start(program, *words)[0] == 2, words


@pytest.mark.parametrize("block", pages.blocks("docs/serve.md"), ids=lambda block: block.language)
def test_block(program: Path, bundle: Path, block: pages.Block, tmp_path: Path) -> None:
    """The page's block runs as written, where `plmhead` is the program in Rust."""
    if not shutil.which("curl"):
        pytest.skip("needs curl")
    (tmp_path / "bundle").symlink_to(bundle)
    (tmp_path / "antibodies.fasta").write_text(">a\nEVQLVESGGG\n>b\nQVQLVQ\n")
    said = pages.run(block, pages.Reader(tmp_path, commands=(program.parent,))).splitlines()
    health, head, first, second = map(json.loads, said)
    assert (health["status"], head["classes"]) == ("ready", [0, 1])
    assert [result.get("error", {}).get("code") for result in first["results"]] == [None, "SEQUENCE_LETTER"]
    assert [result["id"] for result in second["results"]] == ["a", "b"]


def test_help_names_every_option(program: Path) -> None:
    done = subprocess.run([program, "serve", "--help"], capture_output=True, text=True, timeout=60, check=True)
    source = (CRATE / "src/serve/options.rs").read_text()
    taken = {part.split('"')[0] for part in source.split('Arg::Long("')[1:]} - {"help"}
    assert all(f"--{name} " in done.stdout for name in taken)
    assert len(taken) > 10
