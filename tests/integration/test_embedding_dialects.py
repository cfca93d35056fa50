"""Vectors across dialects: OpenAI's and Google's clients before providers of every house."""

import base64
import json
import struct

import pytest
from support import configs
from support.families import scenario

TITAN, COHERE_ON_BEDROCK = "amazon.titan-embed-text-v2:0", "cohere.embed-v4:0"
# (family of the provider, its model, how many texts it takes at once)
PROVIDERS = [
    ("openai", "m1", 2),
    ("azure_openai", "m1", 2),
    ("mistral", "m1", 2),
    ("gemini", "m1", 2),
    ("vertex", "m1", 2),
    ("cohere", "m1", 2),
    ("bedrock", TITAN, 1),
    ("bedrock", COHERE_ON_BEDROCK, 2),
]


def vector(text: str, dimensions: int = 8) -> list[float]:
    """What every fake makes of a text."""
    return scenario.vector_of(scenario.compact(text), dimensions)


def config(*targets) -> dict:
    """The logical model `chat` over (fake, model, fields of the target)."""
    return {
        "providers": {fake.name: configs.of_family(fake) for fake, _, _ in targets},
        "models": {
            "chat": {
                "policy": "failover",
                "targets": [
                    {"provider": fake.name, "model": model} | fields
                    for fake, model, fields in targets
                ],
            }
        },
    }


def embed(instance, **fields):
    status, headers, body = instance.ask("POST", "/v1/embeddings", {"model": "chat"} | fields)
    return status, headers, json.loads(body)


def google(instance, verb, body):
    status, headers, answer = instance.ask("POST", f"/v1beta/models/chat:{verb}", body)
    return status, headers, json.loads(answer)


def content(text: str) -> dict:
    return {"model": "models/chat", "content": {"parts": [{"text": text}]}}


@pytest.fixture(params=PROVIDERS, ids=lambda one: f"{one[0]}-{one[1]}")
def before(request, holdfast, fake):
    """(Holdfast before a provider of that family, the fake, some texts)."""
    family, model, at_once = request.param
    upstream = fake(family=family)
    instance = holdfast(config((upstream, model, {})), env=configs.BEDROCK_ENVIRONMENT)
    return instance, upstream, ["a", "b é \u2028"][:at_once]


def test_an_openai_client_gets_vectors_in_both_encodings(before):
    instance, _, texts = before
    status, headers, floats = embed(instance, input=texts, encoding_format="float")
    assert status == 200, floats
    assert headers["content-type"].startswith("application/json")
    assert [one["index"] for one in floats["data"]] == list(range(len(texts)))
    assert [one["embedding"] for one in floats["data"]] == [vector(text) for text in texts]
    status, _, packed = embed(instance, input=texts, encoding_format="base64")
    assert status == 200, packed
    bytes_of = [base64.b64decode(one["embedding"]) for one in packed["data"]]
    assert [list(struct.unpack("<8f", one)) for one in bytes_of] == [vector(text) for text in texts]
    record = instance.attempts_of(headers["x-request-id"], 1)[0]
    assert record["endpoint"] == "embeddings" and record["failure"] == "none"


def test_a_google_client_gets_vectors_one_by_one_and_in_batches(before):
    instance, upstream, texts = before
    status, _, one = google(instance, "embedContent", content("a"))
    assert (status, one["embedding"]["values"]) == (200, vector("a"))
    body = {"requests": [content(text) for text in texts]}
    status, _, batch = google(instance, "batchEmbedContents", body)
    assert status == 200, batch
    assert [one["values"] for one in batch["embeddings"]] == [vector(text) for text in texts]
    assert all(b"models/chat" not in one["body"] for one in upstream.receipts())


def test_dimensions_go_along(before):
    instance, upstream, _ = before
    if upstream.family == "mistral":
        pytest.skip("it calls them output_dimension, and is passed what the client wrote")
    status, _, answer = embed(instance, input="a", dimensions=4, encoding_format="float")
    assert status == 200, answer
    assert answer["data"][0]["embedding"] == vector("a", 4)
    body = content("a") | {"outputDimensionality": 4}
    assert google(instance, "embedContent", body)[2]["embedding"]["values"] == vector("a", 4)


@pytest.mark.parametrize(("family", "model", "_"), PROVIDERS[3:])
def test_tokens_are_counted_where_they_are_told(holdfast, fake, family, model, _):
    upstream = fake(family=family)
    instance = holdfast(config((upstream, model, {})), env=configs.BEDROCK_ENVIRONMENT)
    _, headers, answer = embed(instance, input="a")
    counted = 0 if family == "gemini" else scenario.INPUT  # its interface does not tell
    assert answer["usage"] == {"prompt_tokens": counted, "total_tokens": counted}
    record = instance.attempts_of(headers["x-request-id"], 1)[0]
    assert (record["tokens_in"] or 0) == counted


def test_bytes_pass_where_dialects_agree(holdfast, fake):
    gemini = fake(family="gemini")
    instance = holdfast(config((gemini, "m1", {})))
    raw = '{"requests":[{"model":"models/chat", "content":{"parts":[{"text":"a"}]}}, {"content":'
    raw += '{"parts":[{"text":"b"}]},"model" : "models/chat"}]}'
    path = "/v1beta/models/chat:batchEmbedContents"
    assert instance.ask("POST", path, raw)[0] == 200
    (receipt,) = gemini.receipts()
    assert receipt["body"].decode() == raw.replace("models/chat", "models/m1")


def test_what_the_target_cannot_say_is_refused_by_name(holdfast, fake):
    bedrock, claude = fake(family="bedrock"), fake(family="anthropic")
    instance = holdfast(config((bedrock, TITAN, {})), env=configs.BEDROCK_ENVIRONMENT)
    cases = [
        ({"input": ["a", "b"]}, "input", "at most 1"),
        ({"input": [1, 2]}, "input", "token ids"),
        ({"input": "a", "a_new_field": 1}, "a_new_field", "no such field"),
    ]
    for fields, param, reason in cases:
        status, _, answer = embed(instance, **fields)
        assert status == 400, answer
        assert answer["error"]["param"] == param and reason in answer["error"]["message"]
        assert bedrock.name in answer["error"]["message"]
    assert bedrock.receipts() == []
    status, _, answer = embed(holdfast(config((claude, "m1", {}))), input="a")
    assert (status, answer["error"]["code"]) == (400, "unsupported_endpoint")


def test_only_the_same_space_is_asked_across_dialects(holdfast, fake):
    one, two, three = fake(family="openai"), fake(family="cohere"), fake(family="vertex")
    spaces = {"a": {"vector_space": "a"}, "b": {"vector_space": "b"}}
    targets = (one, "m1+reset", spaces["a"]), (two, "m1", spaces["b"]), (three, "m1", spaces["a"])
    status, headers, answer = embed(holdfast(config(*targets)), input="a", encoding_format="float")
    assert status == 200, answer
    assert answer["data"][0]["embedding"] == vector("a")
    assert headers["x-holdfast-provider"] == three.name and two.receipts() == []


def test_an_answer_that_lacks_a_vector_is_none(holdfast, fake):
    short, spare = fake(family="cohere"), fake(family="gemini")
    space = {"vector_space": "a"}
    instance = holdfast(config((short, "m1+malformed_json", space), (spare, "m1", space)))
    status, headers, answer = embed(instance, input="a", encoding_format="float")
    assert status == 200, answer
    assert headers["x-holdfast-fallback-reason"] == "malformed_body"


def test_errors_come_in_the_clients_dialect(holdfast, fake):
    upstream = fake(family="cohere")
    instance = holdfast(config((upstream, "m1+error;class=bad_request", {})))
    status, _, answer = google(instance, "embedContent", content("a"))
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
    status, _, answer = google(
        instance, "embedContent", {"content": {"parts": [{"inlineData": {}}]}}
    )
    assert (status, answer["error"]["status"]) == (400, "INVALID_ARGUMENT")
