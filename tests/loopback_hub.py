"""A Hub on the loopback interface that answers what the real client asks of it, well or badly."""

import base64
import hashlib
import json
import os
import re
import threading
import time
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

from loopback_repos import Repo, Stale, Unknown, is_large, listed, oid, sibling

TOKEN = "hf_loopbackSecretLoopbackSecret"
REPO = r"(?P<repo>[\w.-]+/[\w.-]+)"
ROUTES = {
    "create": ("POST", "/api/repos/create"),
    "validate": ("POST", "/api/validate-yaml"),
    "info": ("GET", rf"/api/models/{REPO}(/revision/(?P<revision>[^/]+))?"),
    "tree": ("GET", rf"/api/models/{REPO}/tree/(?P<revision>[^/]+)"),
    "refs": ("GET", rf"/api/models/{REPO}/refs"),
    "preupload": ("POST", rf"/api/models/{REPO}/preupload/(?P<revision>[^/]+)"),
    "commit": ("POST", rf"/api/models/{REPO}/commit/(?P<revision>[^/]+)"),
    "tag": ("POST", rf"/api/models/{REPO}/tag/(?P<revision>[^/]+)"),
    "batch": ("POST", rf"/{REPO}\.git/info/lfs/objects/batch"),
    "put": ("PUT", r"/lfs/(?P<object>\w+)"),
    "verify": ("POST", "/lfs/verify"),
    "resolve": ("(HEAD|GET)", rf"/{REPO}/resolve/(?P<revision>[^/]+)/(?P<path>.+)"),
}
NEED_A_TOKEN = {"create", "preupload", "commit", "tag", "batch"}


@dataclass
class Fault:
    """How requests that begin with ``request`` ("GET /path") are treated, and how many of them still.

    ``how``: a status to answer with; "silent", accepting and never answering; "trickling", a byte every 50 ms;
    "cut", broken off in the middle of what is sent in either direction; "damaged", with the first byte changed.
    """

    request: str
    how: int | str
    times: float = float("inf")


class LoopbackHub:
    """Serves ``repos`` at ``url``; ``faults`` may be changed while it runs; ``requests`` is what was asked for.

    Whoever shows TOKEN may read and write everything, others may read what is not private.
    """

    def __init__(self):
        self.repos, self.objects, self.faults, self.requests, self.seen = {}, {}, [], [], []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def commit(self, repo, files, tag=None, private=False):
        """Add a commit to a repo, which is made where there is none; gives the commit's id."""
        return self.repos.setdefault(repo, Repo(repo, private)).commit(files, tag=tag)

    def fault(self, request, how, times=float("inf")):
        self.faults.append(Fault(request, how, times))

    def count(self, request):
        """How many requests began like this."""
        return sum(made.startswith(request) for made in self.requests)

    def fault_of(self, request):
        with self.lock:
            self.requests.append(request)
            for fault in self.faults:
                if request.startswith(fault.request) and fault.times > 0:
                    fault.times -= 1
                    return fault.how
        return None

    # What the routes do: each gives an answer's JSON, or raises.

    def create(self, asked, **_):
        repo = f"{asked['organization'] or 'me'}/{asked['name']}"
        if repo in self.repos:
            raise Refusal(409, body={"error": "You already created this model repo", "url": f"{self.url}/{repo}"})
        self.repos[repo] = Repo(repo, asked.get("visibility") == "private" or asked.get("private", False))
        self.repos[repo].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        return {"url": f"{self.url}/{repo}", "name": repo}

    def validate(self, asked):
        import yaml

        try:
            yaml.safe_load(asked["content"].split("---")[1])
        except (IndexError, yaml.YAMLError) as error:
            raise Refusal(400, body={"errors": [{"message": str(error)}], "warnings": []}) from None
        return {"errors": [], "warnings": []}

    def info(self, asked, repo, revision):
        commit = repo.resolve(revision or "main")
        files = [sibling(path, content) for path, content in repo.commits[commit].items()]
        told = {"_id": "1", "id": repo.name, "modelId": repo.name, "sha": commit, "private": repo.private, "tags": []}
        return told | {"siblings": files, "downloads": 0, "likes": 0}

    def tree(self, asked, repo, revision):
        return [listed(path, content) for path, content in repo.commits[repo.resolve(revision)].items()]

    def refs(self, asked, repo):
        def told(kind, known):
            return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": at} for name, at in known.items()]

        return {"branches": told("heads", repo.branches), "converts": [], "tags": told("tags", repo.tags)}

    def preupload(self, asked, repo, revision):
        there = repo.commits[repo.resolve(revision)]
        files = []
        for file in asked["files"]:
            path = file["path"]
            mode = {"path": path, "uploadMode": "lfs" if is_large(path) else "regular", "shouldIgnore": False}
            files.append(mode | ({"oid": oid(path, there[path])} if path in there else {}))
        return {"files": files}

    def batch(self, asked, repo):
        def told(entry):
            if entry["oid"] in self.objects:
                return entry
            upload, verify = {"href": f"{self.url}/lfs/{entry['oid']}"}, {"href": f"{self.url}/lfs/verify"}
            return entry | {"actions": {"upload": upload, "verify": verify}}

        return {"transfer": "basic", "objects": [told(entry) for entry in asked["objects"]]}

    def put(self, content, object):
        if hashlib.sha256(content).hexdigest() != object:
            raise Refusal(400)
        self.objects[object] = content
        return {}

    def verify(self, asked):
        if len(self.objects.get(asked["oid"], b"")) != asked["size"]:
            raise Refusal(422)
        return {}

    def commit_of(self, lines, repo, revision):
        files, parent = {}, None
        for line in lines:
            value = line["value"]
            if line["key"] == "header":
                parent = value.get("parentCommit")
            elif line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            else:
                files[value["path"]] = self.objects[value["oid"]]
        try:
            commit = repo.commit(files, parent)
        except Stale:
            raise Refusal(412) from None
        return {"success": True, "commitOid": commit, "commitUrl": f"{self.url}/{repo.name}/commit/{commit}"}

    def tag(self, asked, repo, revision):
        if asked["tag"] in repo.tags:
            raise Refusal(409)
        repo.tags[asked["tag"]] = repo.resolve(revision)
        return {}


class Refusal(Exception):
    """An answer that is none; ``code`` is what the Hub calls it."""

    def __init__(self, status, code=None, body=None):
        super().__init__(status)
        self.status, self.code, self.body = status, code, body


def _routed(command, path):
    for name, (method, pattern) in ROUTES.items():
        found = re.fullmatch(pattern, path)
        if found and re.fullmatch(method, command):
            return name, found.groupdict()
    raise Refusal(404)


def _handler_of(hub):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            path = unquote(urlsplit(self.path).path)
            fault = hub.fault_of(f"{self.command} {path}")
            body = self._body(fault)
            if body is None:
                return
            if fault == "silent":
                hub.closing.wait()
                self.close_connection = True
                return
            try:
                if isinstance(fault, int):
                    raise Refusal(fault)
                self._route(path, body, fault)
            except Refusal as refusal:
                code = {"X-Error-Code": refusal.code} if refusal.code else {}
                self._send(refusal.status, json.dumps(refusal.body or {}).encode(), code)
            except Unknown as unknown:
                self._send(404, b"{}", {"X-Error-Code": unknown.code})

        do_GET = do_HEAD = do_POST = do_PUT = _answer

        def _body(self, fault):
            length = int(self.headers.get("Content-Length") or 0)
            if fault == "cut" and self.command in ("POST", "PUT"):
                self.rfile.read(length // 2)
                self.close_connection = True
                self.connection.close()
                return None
            if self.headers.get("Transfer-Encoding") == "chunked":
                return self._chunks()
            return self.rfile.read(length)

        def _chunks(self):
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def _route(self, path, body, fault):
            name, given = _routed(self.command, path)
            trusted = self.headers.get("Authorization") == f"Bearer {TOKEN}"
            hub.seen.append(self.headers.get("Authorization"))
            if name in NEED_A_TOKEN and not trusted:
                raise Refusal(401)
            if "repo" in given:
                repo = hub.repos.get(given["repo"])
                if repo is None or (repo.private and not trusted):
                    raise Refusal(404 if trusted else 401, "RepoNotFound")  # as the Hub does, which tells nobody more
                given["repo"] = repo
            if name == "resolve":
                self._resolve(fault, **given)
                return
            if name == "put":
                told = hub.put(body, **given)
            elif name == "commit":
                told = hub.commit_of([json.loads(line) for line in body.splitlines()], **given)
            else:
                told = getattr(hub, name)(json.loads(body) if body else None, **given)
            self._send(200, json.dumps(told).encode(), {"Content-Type": "application/json"})

        def _resolve(self, fault, repo, revision, path):
            content = repo.file(revision, path)
            tag = f'"{oid(path, content)}"'
            headers = {"ETag": tag, "X-Repo-Commit": repo.resolve(revision), "Accept-Ranges": "bytes"}
            if is_large(path):
                headers |= {"X-Linked-Etag": tag, "X-Linked-Size": str(len(content))}
            if fault == "damaged":
                content = bytes([content[0] ^ 1]) + content[1:]
            begin = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            if not begin:
                self._send(200, content, headers, fault)
                return
            begin = int(begin[1])
            headers["Content-Range"] = f"bytes {begin}-{len(content) - 1}/{len(content)}"
            self._send(206, content[begin:], headers, fault)

        def _send(self, status, content, headers, fault=None):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if self.command == "HEAD":
                return
            try:
                if fault == "trickling":
                    for value in content:
                        self.wfile.write(bytes([value]))
                        time.sleep(0.05)
                elif fault == "cut":
                    self.wfile.write(content[: len(content) // 2])
                    self.wfile.flush()
                    self.close_connection = True
                else:
                    self.wfile.write(content)
            except OSError:  # the client has gone, as some tests want
                self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler


def environment_of(hub, home):
    """Of a process whose only Hub is ``hub``, whose Hub cache lies under ``home``, and that has no token."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    kept.pop("HF_TOKEN", None)
    return kept | {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}


def be_client_of(hub, home, monkeypatch):
    """Make this process, which has loaded the client for no Hub at all, one whose children ask ``hub``."""
    from huggingface_hub import constants

    for name in os.environ:
        if name.lower().endswith("_proxy") or name == "HF_TOKEN":
            monkeypatch.delenv(name)
    for name in ("HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, environment_of(hub, home)[name])
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)


def go_offline(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
