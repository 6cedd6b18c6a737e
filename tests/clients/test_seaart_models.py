"""seaart-sdk looks for models: lists, searches and the page of each."""

from __future__ import annotations

import pytest
import seaart_sdk as sa
from wiring import MODELS, T2V, V15, example


def names(found):
    return {hit["name"] for hit in found.hits}


def test_the_models_are_listed(seaart):
    found = seaart.modal.list_models()
    assert names(found) == set(MODELS)
    assert found.estimated_total_hits == 5


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ({"query": "t2v"}, {T2V}),
        ({"query": "kling_v1_5"}, {V15}),
        ({"input": "text", "output": "video"}, set(MODELS)),
        ({"input": "image"}, set(MODELS) - {T2V}),
        ({"output": "audio"}, set()),
        ({"type": "video"}, set(MODELS)),
        ({"provider": "kling"}, set(MODELS)),
        ({"provider": "somebody else"}, set()),
    ],
)
def test_the_models_are_searched(seaart, wanted, found):
    answer = seaart.modal.search_models(sa.ModelSearchParams(**wanted))
    assert names(answer) == found
    assert answer.query == wanted.get("query", "")


def test_the_models_are_listed_up_to_a_limit(seaart):
    found = seaart.modal.list_models(sa.ModelSearchParams(limit=2))
    assert (len(found.hits), found.limit, found.estimated_total_hits) == (2, 2, 5)


@pytest.mark.parametrize("model", MODELS)
def test_a_models_page_says_how_it_is_called(seaart, kirin, http, model):
    page = seaart.modal.get_model_skill(model)
    assert model in page
    assert f"{kirin.url}/model/v1/generation" in page
    for name in example(kirin, http, model):
        assert f"`{name}`" in page


def test_the_page_of_an_unknown_model_is_not_found(seaart):
    with pytest.raises(sa.SeaArtError, match=r"^Not Found$") as caught:
        seaart.modal.get_model_skill("kirin_v9")
    assert caught.value.status == 404


def test_a_wrong_key_reads_nothing(seaart_stranger):
    for call in (seaart_stranger.modal.list_models, lambda: seaart_stranger.modal.get_model_skill(T2V)):
        with pytest.raises(sa.SeaArtError) as caught:
            call()
        assert (caught.value.kind, caught.value.status) == (sa.ERR_AUTH, 401)
