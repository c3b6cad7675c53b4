"""The results of programs: only the session that added one gets it back."""

import pytest

from emorec.errors import EmorecError
from emorec.ui.sessions.results import FORGOTTEN, MAX_RESULTS, ResultCache


def test_a_result_is_given_only_to_its_own_session():
    results = ResultCache()
    name = results.add("a", "features")
    assert results.get("a", name) == "features"
    for session, requested in (("b", name), ("a", "nothing"), (None, name), (None, "nothing")):
        with pytest.raises(EmorecError) as caught:
            results.get(session, requested)
        assert str(caught.value) == FORGOTTEN


def test_one_session_cannot_remove_the_results_of_another():
    results = ResultCache()
    name, other = results.add("a", "features"), results.add("b", "other")
    for _ in range(2 * MAX_RESULTS):
        results.add("a", "more")
    assert results.get("b", other) == "other"
    with pytest.raises(EmorecError):
        results.get("a", name)
    results.remove("b")
    with pytest.raises(EmorecError):
        results.get("b", other)
