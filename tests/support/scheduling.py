"""Which tests run in one process, one after the other, when several processes run them (``pytest -n 2``), and when."""

import functools

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from support.paths import ROOT

# Folders whose files take long, the longest first.
SLOW = (
    "tests/project/test_types",
    "tests/train/",
    "tests/project/",
    "tests/ui/",
    "tests/output/test_formats",
    "tests/download/",
    "tests/extraction/",
    "tests/models/",
    "tests/media/",
    "tests/hub/",
    "tests/cli/",
)
# The files whose tests use the running page are two scopes of about the same time, each with a page in its own process:
# in one scope they take longer than all other tests share among the other processes. A file that is not here is of the
# first scope.
SECOND_PAGE = (
    "tests/ui/test_recents.py",
    "tests/ui/test_recordings.py",
    "tests/ui/test_page_access.py",
    "tests/ui/test_people.py",
    "tests/ui/test_page_overview.py",
    "tests/ui/test_highlight_list.py",
    "tests/ui/test_api.py",
    "tests/ui/test_guard_page.py",
    "tests/project/test_bench_page.py",
)


class ByFile(LoadScopeScheduling):
    """Whole files, so that what a file makes is made once; files that use the running page share two."""

    def __init__(self, config: pytest.Config, log: Producer | None = None) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # keep the order of longest_first

    def _split_scope(self, nodeid: str) -> str:
        return scope(nodeid.partition("::")[0])


def scope(file: str) -> str:
    """The scope of a test file: the file itself, or one of the two running pages."""
    if not uses_page(file):
        return file
    return "page 2" if file in SECOND_PAGE else "page 1"


def longest_first(items: list[pytest.Item]) -> None:
    """Move the tests of the running page to the front, then the folders of SLOW, and all quick files to the end.

    The page's tests take longest and run in two processes: begun last, they would keep these busy alone. So would any
    long file at the end, in the time of which the other processes have nothing left to do.
    """
    items.sort(key=lambda item: _place(_file(item)))


def _place(file: str) -> int:
    if uses_page(file):
        return -1 if file in SECOND_PAGE else -2
    return next((place for place, folder in enumerate(SLOW) if file.startswith(folder)), len(SLOW))


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


@functools.cache
def uses_page(file: str) -> bool:
    """Whether a test file, named from the project's root, asks for the fixture ``page_server``."""
    return "page_server" in (ROOT / file).read_text(encoding="utf-8")
