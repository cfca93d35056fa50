"""The official openai SDK against the real binary: nothing changed but the base URL."""

import json

import openai
import pydantic
import pytest
from support import configs

HELLO = [{"role": "user", "content": "Hello"}]
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city", "days"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}


@pytest.fixture(scope="module")
def gateway(module_holdfast, module_fake):
    one = module_fake("one")
    config = configs.through(one)
    shapes = ("reasoning=1", "refusal=1", "azure=1", "usage=missing", "tokens=40", "answers_as=x-1")
    for shape in shapes:
        name = shape.split("=")[0]
        target = {"provider": "one", "model": f"m1+good;{shape}"}
        config["models"][name] = {"policy": "failover", "targets": [target]}
    for status in (400, 401, 403, 404, 409, 422, 429, 500, 503):
        target = {"provider": "one", "model": f"m1+status_{status}"}
        config["models"][f"status-{status}"] = {"policy": "failover", "targets": [target]}
    return module_holdfast(config)


@pytest.fixture
def api(gateway, client):
    return client(gateway)


@pytest.fixture
async def async_api(gateway):
    made = openai.AsyncOpenAI(base_url=gateway.app_url + "/v1", api_key="test", max_retries=0)
    yield made
    await made.close()


pytestmark = pytest.mark.asan


def test_a_completion(api):
    answer = api.chat.completions.create(model="chat", messages=HELLO)
    assert answer.choices[0].message.content == "Hello from one w3 w4"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer._request_id


async def test_a_completion_asynchronously(async_api):
    answer = await async_api.chat.completions.create(model="chat", messages=HELLO)
    assert answer.choices[0].message.content == "Hello from one w3 w4"


def test_a_stream(api):
    stream = api.chat.completions.create(model="chat", messages=HELLO, stream=True)
    chunks = list(stream)
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "Hello from one w3 w4"
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks)


async def test_streams_side_by_side(async_api):
    streams = [
        await async_api.chat.completions.create(model="tokens", messages=HELLO, stream=True)
        for _ in range(20)
    ]
    for stream in streams:
        count = 0
        async for chunk in stream:
            count += bool(chunk.choices[0].delta.content)
        assert count == 40


def test_usage_in_a_stream_when_asked(api):
    stream = api.chat.completions.create(
        model="chat", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == 5


def test_the_streaming_helper(api):
    with api.chat.completions.stream(model="chat", messages=HELLO) as stream:
        kinds = [event.type for event in stream]
    assert "content.delta" in kinds and kinds[-1] == "content.done"
    assert stream.get_final_completion().choices[0].message.content == "Hello from one w3 w4"


def test_a_stream_left_early_leaves_the_client_usable(api):
    with api.chat.completions.create(model="tokens", messages=HELLO, stream=True) as stream:
        next(iter(stream))
    assert api.chat.completions.create(model="chat", messages=HELLO).choices


def test_raw_response(api):
    raw = api.chat.completions.with_raw_response.create(
        model="chat", messages=HELLO, extra_headers={"x-request-id": "my-own-id_1"}
    )
    assert raw.headers["x-request-id"] == "my-own-id_1"
    assert raw.headers["x-holdfast-provider"] == "one"
    assert raw.headers["x-holdfast-model"] == "m1"
    assert raw.headers["x-holdfast-attempts"] == "1"
    assert "x-holdfast-fallback-reason" not in raw.headers
    assert raw.parse().choices[0].message.content == "Hello from one w3 w4"


def test_streaming_response(api):
    create = api.chat.completions.with_streaming_response.create
    with create(model="chat", messages=HELLO, stream=True) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = [line for line in answer.iter_lines() if line]
    assert lines[-1] == "data: [DONE]"


def test_a_tool_call(api):
    answer = api.chat.completions.create(model="chat", messages=HELLO, tools=[WEATHER])
    (call,) = answer.choices[0].message.tool_calls
    assert answer.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Rome", "days": 7}
    result = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    messages = [*HELLO, answer.choices[0].message.to_dict(), result]
    answer = api.chat.completions.create(model="chat", messages=messages, tools=[WEATHER])
    assert answer.choices[0].message.content


@pytest.mark.parametrize("parallel", [True, False])
def test_parallel_tool_calls_in_a_stream(api, parallel):
    with api.chat.completions.stream(
        model="chat", messages=HELLO, tools=[WEATHER, CLOCK], parallel_tool_calls=parallel
    ) as stream:
        calls = stream.get_final_completion().choices[0].message.tool_calls
    names = [call.function.name for call in calls]
    assert names == (["weather", "clock"] if parallel else ["weather"])


class City(pydantic.BaseModel):
    name: str
    people: int
    capital: bool


def test_json_schema_by_parse(api):
    answer = api.chat.completions.parse(model="chat", messages=HELLO, response_format=City)
    assert answer.choices[0].message.parsed == City(name="Rome", people=7, capital=True)


def test_json_schema_in_a_stream(api):
    with api.chat.completions.stream(model="chat", messages=HELLO, response_format=City) as stream:
        assert stream.get_final_completion().choices[0].message.parsed.name == "Rome"


def test_n_and_logprobs(api):
    answer = api.chat.completions.create(
        model="chat", messages=HELLO, n=3, logprobs=True, top_logprobs=2
    )
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    assert len(answer.choices[0].logprobs.content[0].top_logprobs) == 2
    stream = api.chat.completions.create(
        model="chat", messages=HELLO, n=3, logprobs=True, top_logprobs=2, stream=True
    )
    assert {choice.index for chunk in stream for choice in chunk.choices} == {0, 1, 2}


def test_max_tokens_ends_with_length(api):
    answer = api.chat.completions.create(model="chat", messages=HELLO, max_completion_tokens=2)
    assert answer.choices[0].finish_reason == "length"
    assert answer.choices[0].message.content == "Hello from"


@pytest.mark.parametrize("stream", [False, True])
def test_reasoning_refusals_and_azures_first_chunk(api, stream):
    def run(model):
        answer = api.chat.completions.create(model=model, messages=HELLO, stream=stream)
        if not stream:
            return answer.choices[0].message.to_dict()
        merged = {}
        for chunk in answer:
            for choice in chunk.choices:
                for key, value in choice.delta.to_dict().items():
                    merged[key] = (merged.get(key) or "") + (value or "")
        return merged

    assert run("reasoning")["reasoning_content"] == "Let me think."
    assert run("refusal")["refusal"].startswith("I cannot")
    assert run("azure")["content"] == "Hello from one w3 w4"


def test_legacy_completions(api):
    answer = api.completions.create(model="chat", prompt="Once", max_tokens=3)
    assert answer.choices[0].text == "Hello from one"
    stream = api.completions.create(model="chat", prompt=["Once"], stream=True)
    assert "".join(chunk.choices[0].text for chunk in stream) == "Hello from one w3 w4"


def test_embeddings_in_both_encodings(api):
    binary = api.embeddings.create(model="chat", input=["a", "b"])  # the SDK asks for base64
    floats = api.embeddings.create(model="chat", input=["a", "b"], encoding_format="float")
    assert [item.embedding for item in binary.data] == [item.embedding for item in floats.data]
    assert len(binary.data) == 2 and binary.data[0].embedding != binary.data[1].embedding


def test_models(api):
    names = {model.id for model in api.models.list()}
    assert {"chat", "tokens"} <= names
    assert api.models.retrieve("chat").id == "chat"
    with pytest.raises(openai.NotFoundError):
        api.models.retrieve("nothing")


ERRORS = {
    # What the only target answers, and what the SDK makes of Holdfast's answer.
    "status-400": (openai.BadRequestError, 400),
    "status-401": (openai.InternalServerError, 502),
    "status-403": (openai.InternalServerError, 502),
    "status-422": (openai.UnprocessableEntityError, 422),
    "status-429": (openai.RateLimitError, 429),
    "status-500": (openai.InternalServerError, 502),
    "status-503": (openai.InternalServerError, 503),
}


@pytest.mark.parametrize("model", ERRORS)
@pytest.mark.parametrize("stream", [False, True])
def test_errors_are_the_sdks_own_classes(api, model, stream):
    kind, status = ERRORS[model]
    with pytest.raises(openai.APIStatusError) as raised:
        api.chat.completions.create(model=model, messages=HELLO, stream=stream)
    assert isinstance(raised.value, kind), raised.value
    assert raised.value.status_code == status
    assert raised.value.request_id
    assert raised.value.body["message"] and raised.value.body["type"]


def test_an_unknown_model_is_not_found(api):
    with pytest.raises(openai.NotFoundError) as raised:
        api.chat.completions.create(model="nothing", messages=HELLO)
    assert raised.value.code == "model_not_found"


def test_retries_of_the_sdk_find_an_open_door(gateway, client):
    """The SDK retries a 503 by itself; Holdfast answers each time and stays reachable."""
    patient = client(gateway, max_retries=2)
    with pytest.raises(openai.InternalServerError):
        patient.chat.completions.create(model="status-503", messages=HELLO)
    assert patient.chat.completions.create(model="chat", messages=HELLO).choices
