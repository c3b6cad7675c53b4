"""People of a test whose names are those of the training in another spelling: the results say so."""

from dataclasses import replace

import numpy as np

from support import factories
from train.evaluation import own_data


def test_a_name_in_another_spelling_is_reported():
    model = replace(factories.checkpoint(), training={"persons": ["Anna", "bert"], "held_out": ["Carl"]})
    assert own_data.whether_new(model, ["dora", "emil"]) == ""
    told = own_data.whether_new(model, ["anna", "dora"])
    assert "'anna' may be 'Anna' of the training data" in told and "better than for new people" in told
    assert "'carl' may be 'Carl'" in own_data.whether_new(model, ["carl"])
    assert "Carl validated the training" in own_data.whether_new(model, ["Carl"])


def test_people_may_be_an_array_and_letters_encoded_in_two_ways():
    model = replace(factories.checkpoint(), training={"persons": ["José"], "held_out": []})
    assert own_data.whether_new(model, np.array(["anna", "dora"])) == ""
    found = own_data.whether_new(model, np.array(["anna", "Jose\N{COMBINING ACUTE ACCENT}"]))
    assert "of the training data" in found
