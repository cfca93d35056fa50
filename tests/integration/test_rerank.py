"""Reranking in the shape of Cohere and Jina, before every kind of provider that has it."""

import json

import pytest
from support import configs

DOCUMENTS = ["nothing of it", "a red fox runs", "the red house"]
QUERY = "red fox"
ASK = {"model": "chat", "query": QUERY, "documents": DOCUMENTS}


def config(*targets, **model) -> dict:
    """The logical model `chat` over (fake, kind, model) in order."""
    return {
        "providers": {
            fake.name: configs.of_family(fake, kind=kind, base_url=fake.root_url + "/v2")
            for fake, kind, _ in targets
        },
        "models": {
            "chat": {
                "policy": "failover",
                "targets": [{"provider": fake.name, "model": name} for fake, _, name in targets],
            }
            | model
        },
    }


def rerank(instance, path="/v1/rerank", **fields):
    status, headers, body = instance.ask("POST", path, ASK | fields)
    return status, headers, json.loads(body)


@pytest.mark.parametrize(
    "kind", ["cohere", "together", "vllm", "sglang", "fireworks", "openai_compatible"]
)
@pytest.mark.parametrize("path", ["/v1/rerank", "/v2/rerank", "/rerank"])
def test_texts_come_back_in_order(holdfast, fake, kind, path):
    upstream = fake(family="cohere")
    instance = holdfast(config((upstream, kind, "m1")))
    status, headers, answer = rerank(instance, path, top_n=2)
    assert status == 200, answer
    assert [one["index"] for one in answer["results"]] == [1, 2]
    assert [one["relevance_score"] for one in answer["results"]] == [1.0, 0.5]
    assert all("document" not in one for one in answer["results"])
    assert answer["model"] == "chat" and answer["meta"]["billed_units"] == {"search_units": 1}
    assert headers["x-holdfast-provider"] == upstream.name
    (receipt,) = upstream.receipts()
    assert json.loads(receipt["body"]) == ASK | {"model": "m1", "top_n": 2}
    record = instance.attempts_of(headers["x-request-id"], 1)[0]
    assert (record["endpoint"], record["failure"]) == ("rerank", "none")
    assert instance.metrics()['holdfast_requests_total{endpoint="rerank",status="200"}'] == 1


def test_documents_come_back_when_asked_for(holdfast, fake):
    instance = holdfast(config((fake(family="cohere"), "cohere", "m1")))
    documents = [{"text": one} for one in DOCUMENTS]
    _, _, answer = rerank(instance, documents=documents, return_documents=True)
    found = [one["document"]["text"] for one in answer["results"]]
    assert found == [DOCUMENTS[1], DOCUMENTS[2], DOCUMENTS[0]]


@pytest.mark.parametrize(
    "way", ["reset", "error;class=overloaded", "malformed_json", "error;class=auth"]
)
def test_the_next_target_answers(holdfast, fake, way):
    one, two = fake(family="cohere"), fake(family="cohere")
    instance = holdfast(config((one, "cohere", f"m1+{way}"), (two, "vllm", "m1")))
    status, headers, answer = rerank(instance)
    assert status == 200, answer
    assert headers["x-holdfast-provider"] == two.name
    assert headers["x-holdfast-attempts"] == "2"


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"query": None}, "query"),
        ({"documents": []}, "documents"),
        ({"documents": [1]}, "documents[0]"),
        ({"documents": [{"text": "a", "image": "b"}]}, "documents[0].image"),
        ({"top_n": 0}, "top_n"),
        ({"base_url": "http://elsewhere"}, "base_url"),
        ({"model": "another"}, "another"),
    ],
)
def test_what_is_wrong_is_told_as_cohere_tells_it(holdfast, fake, fields, word):
    upstream = fake(family="cohere")
    status, _, answer = rerank(holdfast(config((upstream, "cohere", "m1"))), **fields)
    assert status == (404 if "model" in fields else 400)
    assert word in answer["message"], answer
    assert upstream.receipts() == []


def test_the_providers_own_verdict_is_passed_on(holdfast, fake):
    instance = holdfast(config((fake(family="cohere"), "cohere", "m1+error;class=bad_request")))
    status, _, answer = rerank(instance)
    assert status == 400 and answer["message"], answer


def test_who_does_not_rerank_is_left_out(holdfast, fake):
    claude, cohere = fake(family="anthropic"), fake(family="cohere")
    only = {"kind": "anthropic", "base_url": claude.root_url}
    one = config((claude, "cohere", "m1"))
    one["providers"][claude.name] |= only
    status, _, answer = rerank(holdfast(one))
    assert status == 400 and "rerank" in answer["message"]
    both = config((claude, "cohere", "m1"), (cohere, "cohere", "m1"))
    both["providers"][claude.name] |= only
    status, headers, _ = rerank(holdfast(both))
    assert status == 200 and headers["x-holdfast-attempts"] == "1"
    assert claude.receipts() == []


def test_other_methods_are_told_which_one(holdfast, fake):
    instance = holdfast(config((fake(family="cohere"), "cohere", "m1")))
    status, headers, _ = instance.ask("GET", "/v1/rerank")
    assert (status, headers["allow"]) == (405, "POST, OPTIONS")
