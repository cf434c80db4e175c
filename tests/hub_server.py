"""A hub on the loopback: the HTTP calls of the Hugging Face hub that its client makes for us, over repositories in memory.

`with HubServer() as hub:` serves until the block ends. Small files are committed inline, `.npz` through the LFS protocol and fetched
by a redirect to another host (`hub.storage`), as on the hub. `hub.requests` lists what was asked.
What goes wrong on a network is put in by hand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

READER, WRITER = "hf_reader", "hf_writer"


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@dataclass
class Repository:
    """Commits by their id, each the whole tree; branches and tags name them."""

    private: bool = False
    gated: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)

    def commit(self, tree: dict[str, bytes], ref: str = "main", message: str = "") -> str:
        text = json.dumps([len(self.commits), message, {name: sha256(data) for name, data in sorted(tree.items())}])
        oid = hashlib.sha1(text.encode()).hexdigest()
        self.commits[oid] = dict(tree)
        self.refs[ref] = oid
        self.messages.append(message)
        return oid

    def resolve(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.refs.get(revision)


class RefusalError(Exception):
    """An answer other than 200."""

    def __init__(self, status: int, code: str = "", message: str = "", **headers: str) -> None:
        super().__init__(code or message)
        self.status = status
        self.headers = {"X-Error-Code": code, "X-Error-Message": message, **headers}
        self.headers = {name.replace("_", "-"): value for name, value in self.headers.items() if value}


class HubServer:
    """The hub and its storage, two servers on two ports of the loopback."""

    def __init__(self, lfs: bool = True) -> None:
        self.large = ".npz" if lfs else ".none"  # the end of the names of files that go through LFS
        self.repositories: dict[str, Repository] = {}
        self.objects: dict[str, bytes] = {}  # of LFS, by SHA-256
        self.requests: list[tuple[str, str]] = []
        self.storage_headers: list[dict[str, str]] = []
        self.tampered: dict[str, bytes] = {}  # what storage sends instead, by SHA-256 of what was asked
        self.stalled: set[str] = set()  # of these storage sends the first half, and then waits
        self.stalling = threading.Event()
        self.over = threading.Event()
        self.down = False
        self.commit_header: str | None = None  # what files say instead of their commit
        self.before_commit: Any = None  # called once, before the next commit is taken
        self.before_npz: Any = None  # called once, before the next NPZ is looked up
        self._servers = [self._start(_HubHandler), self._start(_StorageHandler)]
        self.url, self.storage = [f"http://127.0.0.1:{server.server_address[1]}" for server in self._servers]

    def _start(self, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), {"hub": self}))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return server

    def __enter__(self) -> HubServer:
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def repository(self, name: str, tree: dict[str, bytes] | None = None, **facts: bool) -> Repository:
        """A new repository; with a tree, of one commit."""
        self.repositories[name] = Repository(**facts)
        if tree is not None:
            self.repositories[name].commit(tree)
        return self.repositories[name]

    def asked(self, method: str, pattern: str) -> list[str]:
        return [path for verb, path in self.requests if verb == method and re.search(pattern, path)]


class _Handler(BaseHTTPRequestHandler):
    hub: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        chunks = []
        while size := int(self.rfile.readline(), 16):
            chunks.append(self.rfile.read(size + 2)[:size])
        self.rfile.readline()
        return b"".join(chunks)

    def answer(self, status: int = 200, content: Any = b"", **headers: str) -> None:
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        given = {"Content-Length": str(len(data)), **{name.replace("_", "-"): value for name, value in headers.items()}}
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)


class _StorageHandler(_Handler):
    """Where the objects of LFS lie; signed addresses there need no token."""

    def do_GET(self) -> None:
        self.hub.requests.append(("GET", f"storage{self.path}"))
        self.hub.storage_headers.append({name.lower(): value for name, value in self.headers.items()})
        oid = self.path.strip("/")
        data = self.hub.tampered.get(oid, self.hub.objects.get(oid))
        if data is None:
            return self.answer(404)
        if oid not in self.hub.stalled:
            return self.answer(200, data)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.wfile.flush()
        self.hub.stalling.set()
        self.hub.over.wait(60)
        self.close_connection = True
        return None

    def do_PUT(self) -> None:
        oid, data = self.path.strip("/"), self.body()
        self.hub.requests.append(("PUT", f"storage{self.path}"))
        if sha256(data) != oid:
            return self.answer(400)
        self.hub.objects[oid] = data
        return self.answer()


class _HubHandler(_Handler):
    """The hub itself; the first route whose pattern fits the path answers."""

    def do_GET(self) -> None:
        self.route()

    do_HEAD = do_POST = do_GET  # noqa: N815

    def route(self) -> None:
        path, data = urlsplit(self.path).path, self.body()
        self.hub.requests.append((self.command, unquote(path)))
        try:
            if self.hub.down:
                raise RefusalError(503, message="the hub is being mended")
            self.check_token()
            for method, pattern, handle in _ROUTES:
                match = re.fullmatch(pattern, path)
                if match and self.command in method.split():
                    return handle(self, data, **{name: unquote(part) for name, part in match.groupdict().items()})
            raise RefusalError(404)
        except RefusalError as refusal:
            self.answer(refusal.status, {"error": str(refusal)}, **refusal.headers)

    # --- who asks

    @property
    def token(self) -> str | None:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ") or None

    def check_token(self) -> None:
        if self.token not in (None, READER, WRITER):
            raise RefusalError(401, message="Invalid credentials in Authorization header")

    def writable(self) -> None:
        if self.token != WRITER:
            raise RefusalError(403 if self.token else 401, message="this token has no right to write")

    def found(self, name: str, revision: str = "main") -> tuple[Repository, str]:
        repository = self.hub.repositories.get(name)
        if repository is None or (repository.private and self.token is None):
            # As the hub: who is nobody learns nothing of what is there.
            raise RefusalError(401 if self.token is None else 404, "RepoNotFound")
        if repository.gated and self.token != WRITER:
            raise RefusalError(403, "GatedRepo")
        oid = repository.resolve(revision)
        if oid is None:
            raise RefusalError(404, "RevisionNotFound")
        return repository, oid

    # --- reading

    def info(self, _: bytes, name: str, revision: str | None = None) -> None:
        repository, oid = self.found(name, revision or "main")
        files = [
            {"rfilename": path, "size": len(content), "blobId": git_sha1(content)}
            for path, content in repository.commits[oid].items()
        ]
        self.answer(200, {"id": name, "modelId": name, "sha": oid, "private": repository.private, "siblings": files})

    def resolve(self, _: bytes, name: str, revision: str, path: str) -> None:
        if path.endswith(".npz"):
            before, self.hub.before_npz = self.hub.before_npz, None
            if before:
                before()
        repository, oid = self.found(name, revision)
        content, oid = repository.commits[oid].get(path), self.hub.commit_header or oid
        if content is None:
            raise RefusalError(404, "EntryNotFound", X_Repo_Commit=oid)
        if not path.endswith(self.hub.large):
            return self.answer(200, content, ETag=f'"{git_sha1(content)}"', X_Repo_Commit=oid)
        self.hub.objects[sha256(content)] = content
        linked = {"X_Linked_Etag": f'"{sha256(content)}"', "X_Linked_Size": str(len(content))}
        location = f"{self.hub.storage}/{sha256(content)}"
        return self.answer(302, b"", Location=location, X_Repo_Commit=oid, ETag='"of-the-pointer"', **linked)

    # --- writing

    def create(self, data: bytes) -> None:
        asked = json.loads(data)
        self.writable()
        name = f"{asked['organization'] or 'somebody'}/{asked['name']}"
        address = {"url": f"{self.hub.url}/{name}", "name": name}
        if name in self.hub.repositories:
            return self.answer(409, {**address, "error": "You already created this model repo"})
        private = asked.get("visibility") == "private" or asked.get("private") is True
        self.hub.repository(name, {".gitattributes": b"*.npz filter=lfs\n"}, private=private)
        return self.answer(200, address)

    def validate(self, data: bytes) -> None:
        content = json.loads(data)["content"]
        front = re.match(r"---\n(.*?)\n---\n", content, re.DOTALL)
        problems = [] if front else ["no metadata"]
        try:
            metadata = yaml.safe_load(front[1]) if front else {}
            problems += [] if isinstance(metadata, dict) else ["metadata is no mapping"]
        except yaml.YAMLError as fault:
            problems.append(str(fault))
        errors = [{"message": problem} for problem in problems]
        self.answer(400 if errors else 200, {"errors": errors, "warnings": []})

    def preupload(self, data: bytes, name: str, revision: str) -> None:
        self.writable()
        repository, oid = self.found(name, revision)
        files = []
        for file in json.loads(data)["files"]:
            path = file["path"]
            known = repository.commits[oid].get(path)
            large = path.endswith(self.hub.large)
            digest = None if known is None else sha256(known) if large else git_sha1(known)
            mode = "lfs" if large else "regular"
            files.append({"path": path, "uploadMode": mode, "shouldIgnore": False, "oid": digest})
        self.answer(200, {"files": files})

    def batch(self, data: bytes, name: str) -> None:
        self.writable()
        self.found(name)
        objects = []
        for wanted in json.loads(data)["objects"]:
            entry: dict[str, Any] = {"oid": wanted["oid"], "size": wanted["size"]}
            if wanted["oid"] not in self.hub.objects:
                verify = {"href": f"{self.hub.url}/{name}.git/info/lfs/objects/verify"}
                entry["actions"] = {"upload": {"href": f"{self.hub.storage}/{wanted['oid']}"}, "verify": verify}
            objects.append(entry)
        self.answer(200, {"transfer": "basic", "objects": objects})

    def verify(self, data: bytes, name: str) -> None:
        asked = json.loads(data)
        there = len(self.hub.objects.get(asked["oid"], b"")) == asked["size"]
        self.answer(200 if there else 404, {})

    def commit(self, data: bytes, name: str, revision: str) -> None:
        self.writable()
        before, self.hub.before_commit = self.hub.before_commit, None
        if before:
            before()
        repository, oid = self.found(name, revision)
        lines = [json.loads(line) for line in data.splitlines()]
        header = lines[0]["value"]
        if header.get("parentCommit") not in (None, oid):
            raise RefusalError(412, message="A commit has happened since. Please refresh and try again.")
        tree = dict(repository.commits[oid])
        for line in lines[1:]:
            value = line["value"]
            if line["key"] == "file":
                tree[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                tree[value["path"]] = self.hub.objects[value["oid"]]
            elif line["key"] == "deletedFile":
                del tree[value["path"]]
            else:
                raise RefusalError(400, message=line["key"])
        proposed = "create_pr=1" in self.path
        oid = repository.commit(tree, "refs/pr/1" if proposed else revision, header["summary"])
        answer = {"success": True, "commitOid": oid, "commitUrl": f"{self.hub.url}/{name}/commit/{oid}"}
        answer["pullRequestUrl"] = f"{self.hub.url}/{name}/discussions/1"
        self.answer(200, answer)


_NAME = r"(?P<name>[^/]+/[^/]+)"
_ROUTES = (
    ("GET", rf"/api/models/{_NAME}", _HubHandler.info),
    ("GET", rf"/api/models/{_NAME}/revision/(?P<revision>[^/]+)", _HubHandler.info),
    ("HEAD GET", rf"/{_NAME}/resolve/(?P<revision>[^/]+)/(?P<path>.+)", _HubHandler.resolve),
    ("POST", "/api/repos/create", _HubHandler.create),
    ("POST", "/api/validate-yaml", _HubHandler.validate),
    ("POST", rf"/api/models/{_NAME}/preupload/(?P<revision>[^/]+)", _HubHandler.preupload),
    ("POST", rf"/{_NAME}\.git/info/lfs/objects/batch", _HubHandler.batch),
    ("POST", rf"/{_NAME}\.git/info/lfs/objects/verify", _HubHandler.verify),
    ("POST", rf"/api/models/{_NAME}/commit/(?P<revision>[^/]+)", _HubHandler.commit),
)
