"""Sets of shards: tar files of training examples in a folder or a bucket, with an index beside them.

The index ``NAME.json`` of the shards ``NAME-0000.tar``, ``NAME-0001.tar`` and so on says what is in each, so that a
training knows its length, its labels and its people before it reads a single shard.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from emorec.batch import storage
from emorec.errors import EmorecError, require

EXTRA = "train"
VERSION = 1
VERSION_KEY = "emorec_shards"
SUFFIX = ".tar"

NO_PATTERN = (
    "{pattern} names no shards; give a pattern such as s3://bucket/folder/face-train-{{0000..0003}}.tar, or a folder's."
)
WRONG_PATTERN = "The pattern {pattern} cannot be read ({reason}); give one such as face-train-{{0000..0003}}.tar."
NO_INDEX = (
    "{index}, the index of the shards {pattern}, cannot be read ({reason}); write them by python -m train.shards."
)
NO_INDEX_THERE = "There is no index {index} for the shards {pattern}; check the name."
OTHER_VERSION = "{index} is of another version of emorec; write the shards again by python -m train.shards."
NOT_LISTED = "There is no shard {url}; its index lists {count}, from {first} to {last}."
SEVERAL = "The pattern {pattern} names shards of several sets; give those of one."


@dataclass(frozen=True, kw_only=True)
class Shard:
    """One tar file: its ``url``, the number of its ``items``, the sum of their targets by label in ``totals``, the
    length of the ``longest`` item (faces or hops) and the ``sha256`` of the file."""

    url: str
    items: int
    totals: tuple[float, ...]
    longest: int
    sha256: str


@dataclass(frozen=True, kw_only=True)
class ShardSet:
    """Shards that belong together. ``task`` is "face" or "voice"; ``settings`` (JSON) are those of the features."""

    task: str
    settings: dict[str, Any]
    labels: tuple[str, ...]
    known_people: bool
    persons: tuple[str, ...]
    shards: tuple[Shard, ...]

    @property
    def items(self) -> int:
        """The number of items in all shards."""
        return sum(shard.items for shard in self.shards)

    @property
    def totals(self) -> tuple[float, ...]:
        """The sum of the items' targets, by label."""
        return tuple(sum(values) for values in zip(*(shard.totals for shard in self.shards), strict=True))


def is_pattern(text: str) -> bool:
    """Whether a text names shards, or anything else that is no plain folder."""
    return "://" in text or text.endswith(SUFFIX)


def as_url(text: str) -> str:
    """The URL of a text that may also be the path of a local file."""
    return text if "://" in text else f"file://{Path(text).absolute()}"


def read(pattern: str) -> ShardSet:
    """Read the index of the shards that a pattern names: URLs or paths with {0000..0003}, * and ?.

    Raises EmorecError if the pattern names none, or if their index cannot be read.
    """
    require(EXTRA, "webdataset", "fsspec")
    urls = [as_url(name) for name in _expand(pattern)]
    if not urls or not all(storage.is_object(url) and url.endswith(SUFFIX) for url in urls):
        raise EmorecError(NO_PATTERN.format(pattern=pattern))
    index = _index_of(urls[0])
    if any(_index_of(url) != index for url in urls):
        raise EmorecError(SEVERAL.format(pattern=pattern))
    content = _read_index(index, pattern)
    listed: dict[str, Any] = content["shards"]
    folder = posixpath.dirname(index)
    names: dict[str, None] = {}
    for url in urls:
        name_pattern = posixpath.basename(url)
        matching = [name for name in listed if fnmatchcase(name, name_pattern)]
        if not matching:
            first, last = min(listed), max(listed)
            raise EmorecError(NOT_LISTED.format(url=url, count=len(listed), first=first, last=last))
        names |= dict.fromkeys(matching)
    try:
        shards = tuple(
            Shard(**{**listed[name], "url": f"{folder}/{name}", "totals": tuple(listed[name]["totals"])})
            for name in names
        )
        return ShardSet(
            task=content["task"],
            settings=content["settings"],
            labels=tuple(content["labels"]),
            known_people=content["known_people"],
            persons=tuple(content["persons"]),
            shards=shards,
        )
    except (KeyError, TypeError):
        raise EmorecError(NO_INDEX.format(index=index, pattern=pattern, reason="it lacks something")) from None


def index_text(shard_set: ShardSet) -> str:
    """The content of a set's index."""
    shards = {}
    for shard in shard_set.shards:
        described = asdict(shard)
        shards[posixpath.basename(described.pop("url"))] = described
    return json.dumps({VERSION_KEY: VERSION, **asdict(shard_set), "shards": shards}, indent=1)


def _expand(pattern: str) -> list[str]:
    from webdataset.shardlists import expand_urls

    try:
        return [*expand_urls(pattern)]
    except (ValueError, AssertionError) as error:  # AssertionError: a variable ${NAME} that is not set
        raise EmorecError(WRONG_PATTERN.format(pattern=pattern, reason=error)) from None


def _index_of(url: str) -> str:
    """The URL of the index of a shard: NAME.json for NAME-0000.tar."""
    folder, name = posixpath.split(url)
    return f"{folder}/{name.rpartition('-')[0]}.json"


def _read_index(index: str, pattern: str) -> dict[str, Any]:
    files, path = storage.open_filesystem(index)
    try:
        content = json.loads(files.cat_file(path))
    except FileNotFoundError:
        raise EmorecError(NO_INDEX_THERE.format(index=index, pattern=pattern)) from None
    except ValueError as error:
        raise EmorecError(NO_INDEX.format(index=index, pattern=pattern, reason=error)) from None
    except Exception as error:  # each store has errors of its own
        raise storage.to_emorec_error(index, error) from None
    if not isinstance(content, dict) or content.get(VERSION_KEY) != VERSION:
        raise EmorecError(OTHER_VERSION.format(index=index))
    if not isinstance(content.get("shards"), dict) or not content["shards"]:
        raise EmorecError(NO_INDEX.format(index=index, pattern=pattern, reason="it lists no shards"))
    return content
