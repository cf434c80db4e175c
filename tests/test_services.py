"""The web services of the pages: started on a free port of the loopback, asked, ended."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest
from tools.pages import REPOSITORY

import plmhead

SERVICES = REPOSITORY / "examples" / "services"
ROWS = np.random.default_rng(3).normal(size=(5, 8)).astype(np.float32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A pair with two classes, and the JavaScript package installed beside the service."""
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("services")
    X = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    plmhead.save(LogisticRegression().fit(X, X[:, 0] > 0), folder / "head", quiet=True)
    (folder / "node_modules").mkdir()
    (folder / "node_modules/plmhead").symlink_to(REPOSITORY / "js-loader")
    for name in ("service.py", "service.mjs"):
        (folder / name).write_text((SERVICES / name).read_text(encoding="utf-8"), encoding="utf-8")
    return folder


@contextlib.contextmanager
def running(folder, name: str):
    """The address of a service on the port that the system chose."""
    program = sys.executable if name.endswith(".py") else "node"
    process = subprocess.Popen([program, name, "head", "0"], cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line.startswith("listening on "), line
        yield line.split()[-1]
        assert process.poll() is None
    finally:
        process.terminate()
        process.communicate(timeout=30)


def ask(address: str, body: object, path: str = "/score") -> tuple[int, dict[str, object]]:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(address + path, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.parametrize("name", ["service.py", "service.mjs"])
def test_service(folder, name):
    pytest.importorskip("fastapi")
    head = plmhead.load(folder / "head")
    with running(folder, name) as address:
        status, answer = ask(address, {"x": ROWS.tolist()})
        assert status == 200
        assert answer == {"probabilities": head.predict_proba(ROWS).tolist(), "labels": head.predict(ROWS).tolist()}
        status, refusal = ask(address, {"x": ROWS[:, :7].tolist()})
        assert (status, refusal["code"]) == (400, "INPUT_SHAPE")
        assert set(refusal) == {"code", "where", "message"}
        assert ask(address, {"x": [[1.0] * 7 + [None]]})[0] in (400, 422)
        for bad in (b"{", b"[]", {"x": 3}, {"x": ["a"]}, {"x": [[1.0], [1.0, 2.0]]}):
            assert ask(address, bad)[0] in (400, 422), bad
        assert ask(address, {}, "/other")[0] == 404
        assert ask(address, {"x": ROWS.tolist()})[0] == 200


@pytest.mark.parametrize("name", ["service.py", "service.mjs"])
def test_a_request_that_is_too_large_is_not_read(folder, name):
    pytest.importorskip("fastapi")
    import http.client

    with running(folder, name) as address:
        connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
        connection.putrequest("POST", "/score")
        connection.putheader("content-length", str(2**30))
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()


def test_the_page_shows_the_services():
    page = (REPOSITORY / "docs/services.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```\{literalinclude\} \.\./examples/services/(\S+)$", page, re.MULTILINE)
    assert shown == ["service.py", "service.mjs"]
    for name in shown:
        lines = (SERVICES / name).read_text(encoding="utf-8").splitlines()
        assert sum(bool(line) for line in lines) <= 30
