"""Embeddings fail over only between targets whose vectors mean the same."""

import json

import pytest
from support import configs

pytestmark = pytest.mark.asan


def embed(instance, **fields):
    body = {"model": "chat", "input": "a"} | fields
    return instance.ask("POST", "/v1/embeddings", body)


SPACES = [
    # (vector space of each target, which of them are asked when all fail)
    ([None, None], ["one"]),
    (["a", "a"], ["one", "two"]),
    (["a", "b"], ["one"]),
    (["a", None], ["one"]),
    ([None, "a"], ["one"]),
    (["a", "b", "a"], ["one", "three"]),
]


@pytest.mark.parametrize(("spaces", "asked"), SPACES)
def test_only_the_same_space_is_asked(holdfast, fake, spaces, asked):
    fakes = [fake() for _ in spaces]
    config = configs.through(*fakes)
    for target, space in zip(config["models"]["chat"]["targets"], spaces, strict=True):
        target["model"] = "m1+status_503"
        if space:
            target["vector_space"] = space
    status, _, body = embed(holdfast(config))
    assert status == 503 and json.loads(body)["error"]["message"]
    assert [one.name for one in fakes if one.receipts()] == asked


def test_the_same_space_answers(holdfast, fake):
    one, two = fake(), fake()
    config = configs.misbehaving(one, "reset", two)
    for target in config["models"]["chat"]["targets"]:
        target["vector_space"] = "text-embedding-3-small/8"
    status, headers, body = embed(holdfast(config), encoding_format="float")
    assert status == 200 and headers["x-holdfast-fallback-reason"] == "reset"
    assert len(json.loads(body)["data"][0]["embedding"]) == 8


def test_chat_does_not_care(holdfast, fake):
    one, two = fake(), fake()
    config = configs.misbehaving(one, "reset", two)
    config["models"]["chat"]["targets"][0]["vector_space"] = "a"
    assert holdfast(config).chat()[0] == 200


@pytest.mark.parametrize(
    "body",
    [
        {"input": ["a", "b", "c"]},
        {"input": [1, 2, 3]},
        {"input": [[1, 2], [3]]},
        {"input": "a", "dimensions": 4, "encoding_format": "base64", "user": "u"},
    ],
)
def test_every_form_of_input_passes(holdfast, fake, body):
    one = fake()
    status, _, _ = embed(holdfast(configs.through(one)), **body)
    assert status == 200
    (receipt,) = one.receipts()
    assert json.loads(receipt["body"]) == {"model": "m1", **body}
