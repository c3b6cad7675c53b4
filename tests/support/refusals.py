"""Commands that refuse what they were given."""

import pytest


def refusal(capsys, main, *given):
    """The one line with which a command ends with exit code 2."""
    with pytest.raises(SystemExit) as ended:
        main([str(part) for part in given])
    assert ended.value.code == 2
    said = capsys.readouterr().err.strip()
    assert len(said.splitlines()) == 1 and said[-1] in ".?" and "Traceback" not in said
    return said
