"""The official `openai` package on chat completions, embeddings and models."""

import features
import openai
import pydantic
import pytest
from drivers import KEY, OpenAiChat, Request

CLIENT = "openai"
HELLO = [{"role": "user", "content": "Hello"}]


class Forecast(pydantic.BaseModel):
    city: str
    days: int


def test_grid(cell, carried):
    carried(cell)


def test_parse_gives_an_object(api, target):
    answer = api.chat.completions.parse(
        model=target.model(), messages=HELLO, response_format=Forecast
    )
    assert answer.choices[0].message.parsed == Forecast(city="Rome", days=7)


def test_the_streaming_helper(api, target):
    with api.chat.completions.stream(model=target.model(), messages=HELLO) as stream:
        kinds = [event.type for event in stream]
    assert "content.delta" in kinds and kinds[-1] == "content.done"
    assert stream.get_final_completion().choices[0].message.content == target.hello


def test_the_streaming_helper_with_calls(api, target):
    tools = OpenAiChat(target.url).arguments("m", Request(tools=[features.WEATHER]))["tools"]
    tools[0]["function"]["strict"] = True
    with api.chat.completions.stream(model=target.model(), messages=HELLO, tools=tools) as stream:
        call = stream.get_final_completion().choices[0].message.tool_calls[0]
    assert call.function.parsed_arguments == {"city": "Rome", "days": 7}


async def test_asynchronously(base_url, target):
    async with openai.AsyncOpenAI(base_url=base_url + "/v1", api_key=KEY, max_retries=0) as api:
        stream = await api.chat.completions.create(
            model=target.model(), messages=HELLO, stream=True
        )
        text = [chunk.choices[0].delta.content or "" async for chunk in stream if chunk.choices]
    assert "".join(text) == target.hello


def test_a_stream_left_early_leaves_the_client_usable(api, target):
    with api.chat.completions.create(model=target.model(), messages=HELLO, stream=True) as stream:
        next(iter(stream))
    assert api.chat.completions.create(model=target.model(), messages=HELLO).choices


def test_embeddings_in_both_encodings(api, target):
    if target.provider in ("anthropic", "bedrock"):
        pytest.skip("it has no embeddings, or of models of other names")
    binary = api.embeddings.create(model=target.model(), input=["a", "b"])
    floats = api.embeddings.create(model=target.model(), input=["a", "b"], encoding_format="float")
    assert [one.embedding for one in binary.data] == [one.embedding for one in floats.data]
    assert len({tuple(one.embedding) for one in floats.data}) == 2


def test_models(api):
    assert len(list(api.models.list())) >= 2
