"""Shards as files: examples written to a tar file in any place that fsspec knows, and read from it as a stream."""

from __future__ import annotations

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from emorec.batch import storage
from emorec.errors import EmorecError
from train.data.shard_sets import Shard, ShardSet, index_text

# The arrays of an item: features of each face or hop, the weight of each, and the target (labels,) float32.
ARRAYS = {"face": ("crops", "quality", "target"), "voice": ("log_mel", "speech", "target")}
BLOCK = 8 << 20  # bytes that are fetched at once

DAMAGED = "The shard {url} is damaged ({reason}); write it again."
NOT_WRITTEN = "{url} cannot be written ({reason}); check the place and its free space."
EXISTS = "There is already a set of shards at {index}; choose another place."

Example = tuple[np.ndarray, ...]  # the arrays of ARRAYS, in their order


def write_shard(url: str, task: str, examples: Iterable[Example]) -> Shard:
    """Write a shard and return its description. It appears at ``url`` only when it is complete. Raises EmorecError."""
    from webdataset.writer import TarWriter

    items, longest, totals = 0, 0, np.zeros(0)
    with tempfile.TemporaryDirectory(prefix="emorec-shard-") as folder:
        local = Path(folder, "shard.tar")
        try:
            with open(local, "wb") as file, TarWriter(file, user="", group="", encoder=False, mtime=0) as out:
                for example in examples:
                    named = zip(ARRAYS[task], example, strict=True)
                    out.write({"__key__": f"{items:06}", **{f"{name}.npy": _to_npy(array) for name, array in named}})
                    items, longest = items + 1, max(longest, len(example[1]))
                    totals = example[-1] + (totals if len(totals) else 0)
            with open(local, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            _upload(local, url)
        except OSError as error:
            raise EmorecError(NOT_WRITTEN.format(url=url, reason=error.strerror or error)) from None
    return Shard(url=url, items=items, totals=tuple(np.asarray(totals, float)), longest=longest, sha256=digest)


def write_index(url: str, shard_set: ShardSet) -> None:
    """Write the index of a set. It comes last, because shards cannot be read without it. Raises EmorecError."""
    with tempfile.TemporaryDirectory(prefix="emorec-shard-") as folder:
        local = Path(folder, "index.json")
        local.write_text(index_text(shard_set), encoding="utf-8")
        _upload(local, url)


def check_absent(url: str) -> None:
    """Raise EmorecError if there is an index at ``url``, or if the place cannot be reached."""
    files, path = storage.open_filesystem(url)
    try:
        exists = files.exists(path)
    except Exception as error:
        raise storage.to_emorec_error(url, error) from None
    if exists:
        raise EmorecError(EXISTS.format(index=url))


def read_shard(shard: Shard, task: str) -> Iterator[Example]:
    """Yield the examples of a shard, in order, while it is read.

    Raises EmorecError if it cannot be read, and at the latest after the last example if its content has changed.
    """
    from webdataset.tariterators import group_by_keys, tar_file_iterator

    files, path = storage.open_filesystem(shard.url)
    count = 0
    try:
        with files.open(path, "rb", block_size=BLOCK, cache_type="readahead") as source:
            stream: Any = _Hashed(source)
            members = ({**member, "__url__": shard.url} for member in tar_file_iterator(stream))
            for sample in group_by_keys(members):
                yield tuple(_from_npy(sample[f"{name}.npy"]) for name in ARRAYS[task])
                count += 1
            digest = stream.finish()
    except (tarfile.TarError, ValueError, KeyError, EOFError) as error:
        raise EmorecError(DAMAGED.format(url=shard.url, reason=_reason(error))) from None
    except Exception as error:  # each store has errors of its own
        raise storage.to_emorec_error(shard.url, error) from None
    if count != shard.items:
        raise EmorecError(DAMAGED.format(url=shard.url, reason=f"it holds {count} of {shard.items} items"))
    if digest != shard.sha256:
        raise EmorecError(DAMAGED.format(url=shard.url, reason="its content has changed"))


class _Hashed:
    """A stream that also computes the SHA-256 of what is read from it."""

    def __init__(self, source: Any):
        self._source, self._hash = source, hashlib.sha256()

    def read(self, size: int) -> bytes:
        block = self._source.read(size)
        self._hash.update(block)
        return block

    def finish(self) -> str:
        """Read the rest; return the hash of everything as hexadecimal digits."""
        while self.read(BLOCK):
            pass
        return self._hash.hexdigest()


def _to_npy(array: np.ndarray) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()


def _from_npy(content: bytes) -> np.ndarray:
    return np.load(io.BytesIO(content), allow_pickle=False)


def _upload(local: Path, url: str) -> None:
    files, path = storage.open_filesystem(url)
    try:
        if url.startswith("file://"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        files.put_file(str(local), path)
    except Exception as error:
        reason = getattr(error, "strerror", None) or _reason(error)
        raise EmorecError(NOT_WRITTEN.format(url=url, reason=reason)) from None


def _reason(error: BaseException) -> str:
    return " ".join(str(error).split())[:120].rstrip(".") or type(error).__name__


def shard_sizes(count: int, most: int, multiple: int) -> Sequence[int]:
    """Sizes of the shards for ``count`` items, which differ by one at most.

    The number of shards is the smallest multiple of ``multiple`` with at most ``most`` items in each; it is not larger
    than the number of items.
    """
    shards = min(multiple * max(1, -(-count // (most * multiple))), max(1, count))
    return [count // shards + (number < count % shards) for number in range(shards)]
