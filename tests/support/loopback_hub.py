"""A Hub on the loopback interface that answers what the real client asks of it, well or badly."""

import base64
import hashlib
import os
import threading
from dataclasses import dataclass
from http.server import ThreadingHTTPServer

from support.loopback_repos import Repo, Stale, is_large, oid, sibling, tree_entry
from support.loopback_routes import Refusal, handler_of


@dataclass
class Fault:
    """How requests that begin with ``request`` ("GET /path") are treated, and how many of them still.

    ``how``: a status to answer with; "silent", accepting and never answering; "trickling", a byte every 50 ms;
    "cut", broken off in the middle of what is sent in either direction; "damaged", with the first byte changed; an
    address to redirect to.
    """

    request: str
    how: int | str
    times: float = float("inf")


class LoopbackHub:
    """Serves ``repos`` at ``url``; ``faults`` may be changed while it runs; ``requests`` is what was asked for.

    A client with TOKEN may read and write everything, others may read what is not private.
    """

    def __init__(self):
        self.repos, self.objects, self.faults, self.requests, self.seen = {}, {}, [], [], []
        self.closing = threading.Event()
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler_of(self))
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
        """Add a commit to a repo, which is created if it does not exist; returns the commit's id."""
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

    def create(self, payload, **_):
        repo = f"{payload['organization'] or 'me'}/{payload['name']}"
        if repo in self.repos:
            raise Refusal(409, body={"error": "You already created this model repo", "url": f"{self.url}/{repo}"})
        self.repos[repo] = Repo(repo, payload.get("visibility") == "private" or payload.get("private", False))
        self.repos[repo].commit({".gitattributes": b"*.safetensors filter=lfs\n"})
        return {"url": f"{self.url}/{repo}", "name": repo}

    def validate(self, payload):
        import yaml

        try:
            yaml.safe_load(payload["content"].split("---")[1])
        except (IndexError, yaml.YAMLError) as error:
            raise Refusal(400, body={"errors": [{"message": str(error)}], "warnings": []}) from None
        return {"errors": [], "warnings": []}

    def info(self, payload, repo, revision):
        commit = repo.resolve(revision or "main")
        files = [sibling(path, content) for path, content in repo.commits[commit].items()]
        answer = {"_id": "1", "id": repo.name, "modelId": repo.name, "sha": commit, "private": repo.private, "tags": []}
        return answer | {"siblings": files, "downloads": 0, "likes": 0}

    def tree(self, payload, repo, revision):
        return [tree_entry(path, content) for path, content in repo.commits[repo.resolve(revision)].items()]

    def refs(self, payload, repo):
        def answer(kind, known):
            return [{"name": name, "ref": f"refs/{kind}/{name}", "targetCommit": at} for name, at in known.items()]

        return {"branches": answer("heads", repo.branches), "converts": [], "tags": answer("tags", repo.tags)}

    def preupload(self, payload, repo, revision):
        there = repo.commits[repo.resolve(revision)]
        files = []
        for file in payload["files"]:
            path = file["path"]
            mode = {"path": path, "uploadMode": "lfs" if is_large(path) else "regular", "shouldIgnore": False}
            files.append(mode | ({"oid": oid(path, there[path])} if path in there else {}))
        return {"files": files}

    def batch(self, payload, repo):
        def answer(entry):
            if entry["oid"] in self.objects:
                return entry
            upload, verify = {"href": f"{self.url}/lfs/{entry['oid']}"}, {"href": f"{self.url}/lfs/verify"}
            return entry | {"actions": {"upload": upload, "verify": verify}}

        return {"transfer": "basic", "objects": [answer(entry) for entry in payload["objects"]]}

    def put(self, content, object):
        if hashlib.sha256(content).hexdigest() != object:
            raise Refusal(400)
        self.objects[object] = content
        return {}

    def verify(self, payload):
        if len(self.objects.get(payload["oid"], b"")) != payload["size"]:
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

    def tag(self, payload, repo, revision):
        if payload["tag"] in repo.tags:
            raise Refusal(409)
        repo.tags[payload["tag"]] = repo.resolve(revision)
        return {}


def environment_of(hub, home):
    """The environment of a process that uses ``hub`` alone, with its Hub cache under ``home`` and without a token."""
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment.pop("HF_TOKEN", None)
    return environment | {"HF_ENDPOINT": hub.url, "HF_HOME": str(home), "HF_HUB_OFFLINE": "0"}


def use_hub(hub, home, monkeypatch):
    """Make this process use ``hub``, even if its client is already loaded with another address."""
    import huggingface_hub
    from huggingface_hub import constants

    for name in os.environ:
        if name.lower().endswith("_proxy") or name == "HF_TOKEN":
            monkeypatch.delenv(name)
    for name in ("HF_ENDPOINT", "HF_HOME", "HF_HUB_OFFLINE"):
        monkeypatch.setenv(name, environment_of(hub, home)[name])
    for name, place in {"HF_HOME": ".", "HF_HUB_CACHE": "hub", "HF_TOKEN_PATH": "token"}.items():
        monkeypatch.setattr(constants, name, str(home / place))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(home / "stored_tokens"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    ask_at(hub.url, monkeypatch)
    huggingface_hub.close_session()


def ask_at(url, monkeypatch):
    """Use the Hub at another address from now on."""
    from huggingface_hub import constants

    monkeypatch.setenv("HF_ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "ENDPOINT", url)


def go_offline(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
