"""The repos of a Hub in memory: commits, branches, tags, large files."""

import hashlib
from dataclasses import dataclass, field

LARGE_SUFFIXES = (".safetensors", ".onnx", ".bin", ".png")


class Unknown(LookupError):
    """There is no such repo, revision or file; ``code`` is what the Hub calls that."""

    def __init__(self, code):
        super().__init__(code)
        self.code = code


class Stale(Exception):
    """The parent of a new commit is not the newest one."""


@dataclass
class Repo:
    """Commits are {path: bytes} by id, the oldest first; ``refs`` are branches and tags."""

    name: str
    private: bool = False
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)

    def commit(self, files, parent=None, tag=None):
        """Add a commit to main that adds or replaces files; gives its id. Raises Stale."""
        head = self.branches.get("main")
        if parent and parent != head:
            raise Stale
        whole = {**self.commits.get(head, {}), **files}
        identity = repr((self.name, len(self.commits), head, sorted(whole)))
        commit = hashlib.sha1(identity.encode() + b"".join(whole[path] for path in sorted(whole))).hexdigest()
        self.commits[commit] = whole
        self.branches["main"] = commit
        if tag:
            self.tags[tag] = commit
        return commit

    def resolve(self, revision):
        """The id of the commit that a revision means. Raises Unknown."""
        for known in (self.branches, self.tags):
            if revision in known:
                return known[revision]
        if revision in self.commits:
            return revision
        raise Unknown("RevisionNotFound")

    def file(self, revision, path):
        files = self.commits[self.resolve(revision)]
        if path not in files:
            raise Unknown("EntryNotFound")
        return files[path]


def is_large(path):
    return path.endswith(LARGE_SUFFIXES)


def oid(path, content):
    """How the Hub identifies a file's content: SHA-256 of large files, git's SHA-1 of others."""
    return hashlib.sha256(content).hexdigest() if is_large(path) else git_sha1(content)


def git_sha1(content):
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def tree_entry(path, content):
    """A file as ``tree`` lists it."""
    entry = {"type": "file", "path": path, "size": len(content), "oid": git_sha1(content)}
    return entry | ({"lfs": large(content)} if is_large(path) else {})


def sibling(path, content):
    """A file as a model's page lists it."""
    entry = {"rfilename": path, "size": len(content), "blobId": git_sha1(content)}
    pointer = large(content)
    return entry | ({"lfs": pointer | {"sha256": pointer["oid"]}} if is_large(path) else {})


def large(content):
    return {"oid": hashlib.sha256(content).hexdigest(), "size": len(content), "pointerSize": 134}
