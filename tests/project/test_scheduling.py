"""Which test files share a process: those of the running page are two scopes, every other file is its own."""

from support.paths import ROOT
from support.scheduling import SECOND_PAGE, scope, uses_page

FILES = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("test_*.py"))


def test_the_files_of_the_page_are_two_scopes():
    scopes = {file: scope(file) for file in FILES}
    assert {file for file in FILES if scopes[file] == "page 2"} == set(SECOND_PAGE)
    assert {file for file in FILES if scopes[file] != file} == {file for file in FILES if uses_page(file)}
    assert set(scopes.values()) - set(FILES) == {"page 1", "page 2"}
