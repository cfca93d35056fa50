"""The fakes of the families: what they refuse is what their providers refuse, in their own words.

A fake that takes anything would prove nothing about what a gateway sends.
"""

import copy
import email.utils
import hashlib
import hmac
import json
import time

import boto3
import drivers
import features
import httpx
import openai
import pytest
from conftest import PROVIDERS
from support import sse
from support.families import eventstream, published

KEY = drivers.KEY
HEADERS = {
    "anthropic": {"x-api-key": KEY, "anthropic-version": "2023-06-01"},
    "gemini": {"x-goog-api-key": KEY},
    "azure_openai": {"api-key": KEY},
}
VERTEX = "/v1/projects/p1/locations/europe-west4/publishers/google/models"
PATHS = {
    "openai": "/v1/chat/completions",
    "mistral": "/v1/chat/completions",
    "azure_openai": "/openai/deployments/{model}/chat/completions?api-version=2024-10-21",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/{model}:generateContent",
    "vertex": VERTEX + "/{model}:generateContent",
    "bedrock": "/model/{model}/converse",
    "cohere": "/v2/chat",
}
GOOGLE = {"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}
BODIES = {
    "anthropic": {"max_tokens": 9, "messages": [{"role": "user", "content": "Hi"}]},
    "gemini": GOOGLE,
    "vertex": GOOGLE,
    "bedrock": {"messages": [{"role": "user", "content": [{"text": "Hi"}]}]},
}
NAMED_IN_PATH = ("gemini", "vertex", "bedrock")


def body_of(kind: str, model="m1") -> dict:
    plain = {"messages": [{"role": "user", "content": "Hi"}]}
    out = copy.deepcopy(BODIES.get(kind, plain))
    return out if kind in NAMED_IN_PATH else {"model": model} | out


def send(fake, body, model="m1", path=None, headers=None):
    path = (path or PATHS[fake.family]).replace("{model}", model.replace("+", "%2B"))
    bearer = {"authorization": f"Bearer {KEY}"}
    sent = HEADERS.get(fake.family, bearer) if headers is None else headers
    return httpx.post(fake.root_url + path, json=body, headers=sent)


def message_of(kind: str, answer) -> str:
    """The words of an error, from where this provider puts them."""
    body = answer.json()
    if kind in ("bedrock", "cohere", "mistral"):
        return json.dumps(body.get("detail") or body["message"])
    return body["error"]["message"]


@pytest.fixture
def checked(family_fake):
    """checked(kind): a fake that holds requests against the published types."""

    def start(kind):
        fake = family_fake(kind)
        if not fake.checks_types:
            pytest.skip("../shared/data with the published types is not beside this checkout")
        return fake

    return start


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_plain_request_is_answered(family_fake, kind):
    answer = send(family_fake(kind), body_of(kind))
    assert answer.status_code == 200 and "Hello from one w3 w4" in answer.text


@pytest.mark.parametrize("kind", PROVIDERS)
def test_an_unknown_field_is_refused_by_its_name(checked, kind):
    answer = send(checked(kind), body_of(kind) | {"frobnicate": 1})
    assert answer.status_code == (422 if kind == "mistral" else 400)
    assert "frobnicate" in answer.text


@pytest.mark.parametrize("kind", PROVIDERS)
def test_an_unknown_field_deep_inside_is_refused(checked, kind):
    body = body_of(kind)
    body["contents" if "contents" in body else "messages"][0]["frobnicate"] = 1
    answer = send(checked(kind), body)
    assert answer.status_code in (400, 422) and "frobnicate" in message_of(kind, answer)


@pytest.mark.parametrize("kind", PROVIDERS)
def test_an_ill_typed_field_is_refused(checked, kind):
    body = body_of(kind)
    if kind in ("gemini", "vertex"):
        body["generationConfig"] = {"stopSequences": "x"}
    elif kind == "bedrock":
        body["inferenceConfig"] = {"maxTokens": "9"}
    else:
        body["max_tokens"] = "9"
    answer = send(checked(kind), body)
    assert answer.status_code in (400, 422) and message_of(kind, answer)


@pytest.mark.parametrize("kind", PROVIDERS)
def test_a_wrong_key_is_refused_as_that_provider_does(family_fake, kind):
    wrong = {"authorization": "Bearer wrong", "anthropic-version": "2023-06-01"}
    answer = send(family_fake(kind), body_of(kind), headers=wrong)
    assert answer.status_code == {"gemini": 400, "bedrock": 403}.get(kind, 401)
    if kind == "gemini":
        assert answer.json()["error"]["details"][0]["reason"] == "API_KEY_INVALID"


@pytest.mark.parametrize("kind", PROVIDERS)
def test_every_class_of_error_has_words_and_a_status(family_fake, kind):
    for name in features.ERRORS:
        model = f"m1+error;class={name}"
        answer = send(family_fake(kind), body_of(kind, model), model)
        assert answer.status_code >= 400 and answer.json(), (kind, name, answer)


@pytest.mark.parametrize(
    ("hint", "header"),
    [
        ("seconds", "retry-after"),
        ("fraction", "retry-after"),
        ("date", "retry-after"),
        ("ms", "retry-after-ms"),
        ("ms_zero", "retry-after-ms"),
        ("durations", "x-ratelimit-reset-requests"),
        ("rfc3339", "anthropic-ratelimit-requests-reset"),
    ],
)
def test_hints_of_when_to_come_again(family_fake, hint, header):
    model = f"m1+error;class=rate_limit;hint={hint}"
    answer = send(family_fake("anthropic"), body_of("anthropic", model))
    assert answer.status_code == 429 and header in answer.headers


def test_google_hints_in_the_body(family_fake):
    answer = send(family_fake("gemini"), GOOGLE, "m1+error;class=rate_limit;seconds=33")
    details = answer.json()["error"]["details"]
    assert {"retryDelay": "33s"}.items() <= details[1].items()
    answer = send(family_fake("gemini"), GOOGLE, "m1+error;class=fault;form=array")
    assert answer.json()[0]["error"]["status"] == "INTERNAL"


# Anthropic.


def test_anthropic_versions_differ(checked):
    fake, body = checked("anthropic"), body_of("anthropic") | {"temperature": 1}
    assert send(fake, body).status_code == 200
    new = HEADERS["anthropic"] | {"anthropic-version": "2026-10-21"}
    assert "temperature" in message_of("anthropic", send(fake, body, headers=new))
    none = {"x-api-key": KEY}
    assert send(fake, body, headers=none).status_code == 400


def test_anthropic_signatures_are_its_own_and_unmodified(family_fake):
    fake, body = family_fake("anthropic"), body_of("anthropic")
    body |= {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096}
    content = send(fake, body).json()["content"]
    body["messages"] += [{"role": "assistant", "content": content}, body["messages"][0]]
    assert send(fake, body).status_code == 200
    content[0]["thinking"] += " More."
    answer = send(fake, body)
    assert answer.status_code == 400 and "Invalid `signature`" in message_of("anthropic", answer)


def test_anthropic_wants_calls_answered(family_fake):
    fake, body = family_fake("anthropic"), body_of("anthropic")
    call = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}}
    body["messages"] += [{"role": "assistant", "content": [call]}, body["messages"][0]]
    assert "without `tool_result`" in message_of("anthropic", send(fake, body))


def test_anthropic_omits_thoughts_when_asked(family_fake):
    body = body_of("anthropic") | {"max_tokens": 4096}
    body["thinking"] = {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}
    first = send(family_fake("anthropic"), body).json()["content"][0]
    assert first["thinking"] == "" and first["signature"]


def test_anthropic_counts_and_lists(family_fake, drivers_made):
    driver = drivers_made("anthropic", family_fake("anthropic").root_url)
    assert driver.count("m1", drivers.Request()) == 25
    assert driver.models() == ["m1", "m2"]


@pytest.mark.parametrize("oddity", ["unclosed", "two_starts", "no_end", "no_usage"])
def test_odd_streams_are_as_odd_as_they_say(family_fake, oddity):
    model = f"m1+{oddity}"
    answer = send(family_fake("anthropic"), body_of("anthropic", model) | {"stream": True})
    kinds = [chunk["type"] for chunk in sse.chunks(answer.content)]
    assert kinds.count("message_start") == (2 if oddity == "two_starts" else 1)
    assert ("content_block_stop" in kinds) == (oddity != "unclosed")
    assert ("message_stop" in kinds) == (oddity != "no_end")


# Google.


def test_gemini_3_wants_its_thought_signatures(family_fake):
    fake = family_fake("gemini")
    body = GOOGLE | {"tools": [{"functionDeclarations": [{"name": "f"}]}]}
    said = send(fake, body, "gemini-3-pro").json()["candidates"][0]["content"]
    result = {"functionResponse": {"name": "f", "response": {"result": "x"}}}
    contents = [*GOOGLE["contents"], said, {"role": "user", "parts": [result]}]
    assert send(fake, body | {"contents": contents}, "gemini-3-pro").status_code == 200
    (part,) = [part for part in said["parts"] if "functionCall" in part]
    for signature, good in (("skip_thought_signature_validator", True), ("Zm9yZWlnbg==", False)):
        part["thoughtSignature"] = signature
        answer = send(fake, body | {"contents": contents}, "gemini-3-pro")
        assert (answer.status_code == 200) == good
    del part["thoughtSignature"]
    answer = send(fake, body | {"contents": contents}, "gemini-3-pro")
    assert "missing a thought_signature" in message_of("gemini", answer)


def test_gemini_streams_as_an_array_and_as_events(family_fake):
    fake, path = family_fake("gemini"), "/v1beta/models/{model}:streamGenerateContent"
    array = send(fake, GOOGLE, path=path).json()
    events = send(fake, GOOGLE, path=path + "?alt=sse")
    assert b"\r\n\r\n" in events.content and sse.chunks(events.content) == array
    assert array[-1]["candidates"][0]["finishReason"] == "STOP"


def test_gemini_takes_snake_case_and_each_way_of_the_key(family_fake):
    fake = family_fake("gemini")
    body = GOOGLE | {"generation_config": {"max_output_tokens": 2}}
    for headers, path in (
        ({"authorization": f"Bearer {KEY}"}, PATHS["gemini"]),
        ({}, PATHS["gemini"] + f"?key={KEY}"),
    ):
        answer = send(fake, body, path=path, headers=headers)
        assert answer.json()["candidates"][0]["finishReason"] == "MAX_TOKENS"


def test_gemini_blocks_and_leaves_out(family_fake):
    blocked = send(family_fake("gemini"), GOOGLE, "m1+good;blocked=1").json()
    assert "candidates" not in blocked and blocked["promptFeedback"]["blockReason"]
    empty = send(family_fake("gemini"), GOOGLE, "m1+good;empty=1").json()
    assert "parts" not in empty["candidates"][0]["content"]


def test_gemini_counts_and_embeds(family_fake, drivers_made):
    driver = drivers_made("gemini", family_fake("gemini").root_url)
    assert driver.count("m1", drivers.Request()) == 25
    vectors = driver.embed("m1", ["a", "b"])
    assert len(vectors) == 2 and vectors[0] != vectors[1]
    path = VERTEX + "/{model}:predict"
    body = {"instances": [{"content": "a"}], "parameters": {"outputDimensionality": 4}}
    bearer = {"authorization": f"Bearer {KEY}"}
    found = send(family_fake("vertex"), body, path=path, headers=bearer).json()["predictions"]
    assert len(found[0]["embeddings"]["values"]) == 4


# AWS.


def converse_stream(fake, model="m1"):
    return send(fake, BODIES["bedrock"], model, path="/model/{model}/converse-stream")


def test_bedrock_frames_have_their_order_and_checksums(family_fake):
    answer = converse_stream(family_fake("bedrock"))
    assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
    frames = list(eventstream.read(answer.content))
    kinds = [headers[":event-type"] for headers, _ in frames]
    assert kinds[0] == "messageStart" and kinds[-3:] == [
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    with pytest.raises(ValueError, match="checksum"):
        list(eventstream.read(converse_stream(family_fake("bedrock"), "m1+bad_crc_after").content))


def test_botocore_sees_the_bad_checksum(family_fake, drivers_made):
    driver = drivers_made("bedrock", family_fake("bedrock").root_url)
    with pytest.raises(drivers.Fault) as fault:
        driver.ask("m1+bad_crc_after", drivers.Request(), stream=True)
    assert "hecksum" in fault.value.kind + fault.value.message


@pytest.mark.parametrize("wrong", ["secret", "region", "id"])
def test_bedrock_verifies_signatures(family_fake, wrong):
    client = boto3.client(
        "bedrock-runtime",
        region_name="us-east-1" if wrong == "region" else drivers.REGION,
        endpoint_url=family_fake("bedrock").root_url,
        aws_access_key_id="AKIDOTHER" if wrong == "id" else drivers.ACCESS_KEY,
        aws_secret_access_key="wrong" if wrong == "secret" else drivers.SECRET_KEY,
    )
    with pytest.raises(client.exceptions.ClientError) as refused:
        client.converse(modelId="m1", messages=BODIES["bedrock"]["messages"])
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    client.close()


def test_bedrock_with_a_clock_of_its_own_says_what_time_it_is(family_fake, drivers_made):
    driver = drivers_made("bedrock", family_fake("bedrock").root_url)
    with pytest.raises(drivers.Fault) as refused:
        driver.ask("m1+good;clock=900", drivers.Request(), stream=False)
    assert refused.value.status == 403 and refused.value.kind == "InvalidSignatureException"
    then = email.utils.parsedate_to_datetime(refused.value.headers["date"])
    assert 800 < then.timestamp() - time.time() < 1000


def test_a_model_id_with_a_colon_is_signed_right(family_fake, drivers_made):
    driver = drivers_made("bedrock", family_fake("bedrock").root_url)
    model = "arn:aws:bedrock:eu-central-1::inference-profile/eu.anthropic.claude-v1:0+good;tokens=3"
    assert driver.ask(model, drivers.Request(), stream=False).text == "Hello from one"


def test_bedrock_refuses_what_converse_has_not(checked):
    for change in (
        {"toolConfig": {"tools": [], "toolChoice": {"none": {}}}},
        {"inferenceConfig": {"temperature": 1.5}},
        {"messages": [{"role": "user", "content": [{"text": " "}]}]},
        {"messages": [{"role": "user", "content": [{"image": {"format": "bmp"}}]}]},
        {"messages": BODIES["bedrock"]["messages"] * 2},
    ):
        answer = send(checked("bedrock"), BODIES["bedrock"] | change)
        assert answer.status_code == 400, change
        assert answer.headers["x-amzn-errortype"].startswith("ValidationException")


def test_bedrock_signature_of_thoughts(family_fake, drivers_made):
    driver = drivers_made("bedrock", family_fake("bedrock").root_url)
    request = drivers.Request(thinking=True, tools=[features.WEATHER])
    out = driver.ask("m1", request, stream=True)
    out.native[0]["reasoningContent"]["reasoningText"]["text"] = "Other."
    request.rounds.append((out, [(out.calls[0], "x", False)]))
    with pytest.raises(drivers.Fault, match="signature"):
        driver.ask("m1", request, stream=False)


# Azure.


@pytest.fixture
def azure(family_fake):
    made = openai.AzureOpenAI(
        azure_endpoint=family_fake("azure_openai").root_url,
        api_key=KEY,
        api_version="2024-10-21",
        max_retries=0,
    )
    yield made
    made.close()


def test_azure_first_sends_a_chunk_without_choices(azure):
    messages = [{"role": "user", "content": "Hi"}]
    chunks = list(azure.chat.completions.create(model="gpt-4o", messages=messages, stream=True))
    assert chunks[0].choices == [] and chunks[0].model == ""
    assert chunks[0].model_extra["prompt_filter_results"]
    whole = azure.chat.completions.create(model="gpt-4o", messages=messages)
    assert whole.choices[0].model_extra["content_filter_results"]["hate"]["severity"] == "safe"


def test_azure_filters_a_prompt(azure):
    messages = [{"role": "user", "content": "Hi"}]
    with pytest.raises(openai.BadRequestError) as refused:
        azure.chat.completions.create(model="m1+error;class=filtered", messages=messages)
    inner = refused.value.body["innererror"]
    assert inner["code"] == "ResponsibleAIPolicyViolation"


def test_azure_v1_names_the_model_in_the_body(family_fake):
    fake = family_fake("azure_openai")
    path = "/openai/v1/chat/completions"
    assert send(fake, body_of("azure_openai"), path=path).status_code == 200
    old = PATHS["azure_openai"].partition("?")[0]
    assert send(fake, body_of("azure_openai"), path=old).status_code == 404


# Mistral.


def test_mistral_wants_ids_of_nine(family_fake):
    fake, body = family_fake("mistral"), body_of("mistral")
    call = {"id": "call_abc", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "call_abc", "content": "x"}
    body["messages"] += [{"role": "assistant", "content": "", "tool_calls": [call]}, result]
    refused = send(fake, body)
    assert (refused.status_code, refused.json()["code"]) == (400, "3280")
    call["id"] = result["tool_call_id"] = "abcdEF123"
    assert send(fake, body).status_code == 200
    body["messages"].append({"role": "user", "content": "And?"})
    assert send(fake, body).json()["code"] == "3230"


def test_mistral_calls_whole_and_contents_as_arrays(family_fake):
    fake, body = family_fake("mistral"), body_of("mistral") | {"stream": True}
    function = {"name": "f", "parameters": {"type": "object", "properties": {}}}
    tools = {"tools": [{"type": "function", "function": function}]}
    chunks = sse.chunks(send(fake, body | tools).content)
    last = chunks[-1]["choices"][0]
    assert last["finish_reason"] == "tool_calls" and last["delta"]["tool_calls"][0]["id"].isalnum()
    assert chunks[-1]["usage"] and "usage" not in chunks[0]
    body["model"] = "m1+good;content=array"
    chunks = sse.chunks(send(fake, body).content)
    assert chunks[1]["choices"][0]["delta"]["content"] == [{"type": "text", "text": "Hello"}]
    body = body_of("mistral", "m1+good;args=object") | tools
    call = send(fake, body).json()["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["arguments"] == {}


# Cohere.


def test_cohere_streams_embeds_and_ranks(checked):
    fake = checked("cohere")
    chunks = sse.chunks(send(fake, body_of("cohere") | {"stream": True}).content)
    names = [chunk["type"] for chunk in chunks]
    assert names[:2] == ["message-start", "content-start"] and names[-1] == "message-end"
    assert chunks[-1]["delta"]["usage"]["billed_units"]["output_tokens"] == 5
    body = {"model": "e", "input_type": "search_query", "texts": ["a"]}
    embedded = send(fake, body, path="/v2/embed").json()
    assert len(embedded["embeddings"]["float"]) == 1
    body = {"model": "r", "query": "red car", "documents": ["blue sky", "red car"], "top_n": 1}
    assert send(fake, body, path="/v2/rerank").json()["results"][0]["index"] == 1
    for path, missing in (("/v2/embed", "input_type"), ("/v2/rerank", "query")):
        assert missing in send(fake, {"model": "m"}, path=path).text


# OpenAI.


def test_openai_pairs_calls_with_results(family_fake):
    fake, body = family_fake("openai"), body_of("openai")
    body["messages"].append({"role": "tool", "tool_call_id": "call_1", "content": "x"})
    assert "preceding message" in message_of("openai", send(fake, body))


def test_responses_knows_its_own_reasoning_only(family_fake):
    fake = family_fake("openai")
    item = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "Zm9yZWlnbg=="}
    body = {"model": "m1", "input": [item, {"role": "user", "content": "Hi"}]}
    answer = send(fake, body, path="/v1/responses")
    assert answer.json()["error"]["code"] == "invalid_encrypted_content"
    body = {"model": "m1", "input": "Hi", "previous_response_id": "resp_0"}
    answer = send(fake, body, path="/v1/responses")
    assert answer.json()["error"]["code"] == "previous_response_not_found"


# The published descriptions themselves.


def test_frames_agree_with_the_published_vectors():
    if not published.available():
        pytest.skip("../shared/data with the vectors is not beside this checkout")
    seen = set()
    for name, vector in published.load("aws/eventstream-vectors.json")["vectors"].items():
        data, seen = bytes.fromhex(vector["encoded_hex"]), seen | {vector["expect"]}
        if vector["expect"] == "failure":
            with pytest.raises(ValueError, match="checksum"):
                list(eventstream.read(data))
            continue
        given = vector["decoded"]["headers"]
        if all(header["type"] == "string" for header in given):
            headers = {header["name"]: header["value"] for header in given}
            payload = vector["decoded"]["payload_utf8"].encode()
            assert eventstream.frame(headers, payload) == data, name
            assert list(eventstream.read(data)) == [(headers, payload)]
    assert seen == {"success", "failure"}


def test_signatures_agree_with_the_published_vectors():
    """Bedrock's key derivation by hand, so that fake and botocore are not judged by each other."""
    if not published.available():
        pytest.skip("../shared/data with the vectors is not beside this checkout")
    for vector in published.load("aws/bedrock-sigv4-vectors.json")["vectors"]:
        secret = vector["credentials"]["secret_access_key"]
        key = b"AWS4" + secret.encode()
        scope = (vector["x_amz_date"][:8], vector["region"], vector["service"], "aws4_request")
        for part in scope:
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        text = vector["string_to_sign"].encode()
        signature = hmac.new(key, text, hashlib.sha256).hexdigest()
        assert signature in json.dumps(vector)


# Those without an SDK here answer in their published types.

CALLING = {
    "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
}
ANSWERS = {
    "mistral": ("mistral/types.json", "ChatCompletionResponse", "CompletionChunk"),
    "cohere": ("cohere/types.json", "V2ChatResponse", "V2ChatStreamResponse"),
}
# What is on the wire beyond the data: types that take what they do not know, padding, empty lists.
ON_THE_WIRE = {
    "UsageInfo": {"prompt_tokens_details": "Any"},
    "CompletionChunk": {"p": "str"},
    "ChatMessageStartEventDeltaMessage": {
        name: "Any" for name in ("content", "tool_plan", "tool_calls", "citations")
    },
}
OPTIONAL = ("UsageInfo.__pydantic_extra__",)


@pytest.mark.parametrize("extra", [{}, CALLING, {"max_tokens": 2}], ids=["text", "calls", "length"])
@pytest.mark.parametrize("thinking", [False, True], ids=["plain", "thinking"])
@pytest.mark.parametrize("kind", ANSWERS)
def test_answers_are_of_their_published_types(checked, kind, thinking, extra):
    file, whole, chunk = ANSWERS[kind]
    fake = checked(kind)
    types = published.Annotations(file, OPTIONAL, ON_THE_WIRE)
    body = body_of(kind, "m1+good;think=1" if thinking else "m1") | extra
    answer = send(fake, body).json()
    assert types.check(answer, whole) == [], answer
    events = sse.chunks(send(fake, body | {"stream": True}).content)
    assert events
    for event in events:
        assert types.check(event, chunk) == [], event
