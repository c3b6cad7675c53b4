"""How the Hub of ``loopback_hub`` speaks HTTP: its routes, who may use them, and how faults show."""

import json
import re
import time
from http.server import BaseHTTPRequestHandler
from urllib.parse import unquote, urlsplit

from support.loopback_repos import Unknown, is_large, oid

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


def handler_of(hub):
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
                if str(fault).startswith("http"):
                    self._send(302, b"", {"Location": fault})
                    return
                self._route(path, body, fault)
            except Refusal as refusal:
                code = {"X-Error-Code": refusal.code} if refusal.code else {}
                self._send(refusal.status, json.dumps(refusal.body or {}).encode(), code)
            except Unknown as unknown:
                self._send(404, b"{}", {"X-Error-Code": unknown.code})

        do_GET = do_HEAD = do_POST = do_PUT = _answer

        def do_CONNECT(self):
            """As a proxy that lets nothing pass."""
            self._send(hub.fault_of(f"CONNECT {self.path}") or 502, b"", {})

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
                    raise Refusal(404 if trusted else 401, "RepoNotFound")  # as the Hub does, which reveals no more
                given["repo"] = repo
            if name == "resolve":
                self._resolve(fault, **given)
                return
            if name == "put":
                answer = hub.put(body, **given)
            elif name == "commit":
                answer = hub.commit_of([json.loads(line) for line in body.splitlines()], **given)
            else:
                answer = getattr(hub, name)(json.loads(body) if body else None, **given)
            self._send(200, json.dumps(answer).encode(), {"Content-Type": "application/json"})

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
            except OSError:  # the client has left, as some tests intend
                self.close_connection = True

        def log_message(self, *_):
            pass

    return Handler
