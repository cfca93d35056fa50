"""The official `openai` package on Responses."""

import features
import openai
import pydantic
import pytest
from drivers import KEY

CLIENT = "responses"


class Forecast(pydantic.BaseModel):
    city: str
    days: int


def test_grid(cell, carried):
    carried(cell)


def test_parse_gives_an_object(api, target):
    answer = api.responses.parse(model=target.model(), input="Hello", text_format=Forecast)
    assert answer.output_parsed == Forecast(city="Rome", days=7)


def test_events_come_in_their_order(api, target):
    stream = api.responses.create(model=target.model(), input="Hello", stream=True)
    events = list(stream)
    kinds = [event.type.removeprefix("response.") for event in events]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert kinds[:4] == ["created", "in_progress", "output_item.added", "content_part.added"]
    assert kinds[-4:] == [
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[-1].response.output_text == target.hello


async def test_asynchronously(base_url, target):
    async with openai.AsyncOpenAI(base_url=base_url + "/v1", api_key=KEY, max_retries=0) as api:
        async with api.responses.stream(model=target.model(), input="Hello") as stream:
            final = await stream.get_final_response()
    assert final.output_text == target.hello and final.usage.input_tokens == 25


def keeps_responses(target) -> bool:
    """Whether the provider keeps what it said, besides Holdfast."""
    return target.provider in ("openai", "azure_openai")


def test_what_is_stored_is_found_again(api, target):
    first = api.responses.create(model=target.model(), input="Hello")
    assert api.responses.retrieve(first.id).output_text == target.hello
    (item,) = api.responses.input_items.list(first.id).data
    assert item.role == "user" and item.content[0].text == "Hello"
    with pytest.raises(openai.BadRequestError):
        api.responses.cancel(first.id)
    assert api.responses.create(
        model=target.model(), input="And?", previous_response_id=first.id
    ).output_text
    api.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        api.responses.retrieve(first.id)


def test_what_is_not_stored_is_not(api, target):
    first = api.responses.create(model=target.model(), input="Hello", store=False)
    assert first.output_text == target.hello
    with pytest.raises(openai.NotFoundError):
        api.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as refused:
        api.responses.create(model=target.model(), input="And?", previous_response_id=first.id)
    assert refused.value.code == "previous_response_not_found"


def test_a_call_is_answered_by_its_id_alone(api, target):
    tools = [{"type": "function", "name": "weather", "parameters": features.WEATHER.schema}]
    first = api.responses.create(model=target.model(), input="Hello", tools=tools)
    result = {
        "type": "function_call_output",
        "call_id": next(one.call_id for one in first.output if one.type == "function_call"),
        "output": "sun",
    }
    second = api.responses.create(
        model=target.model(), input=[result], tools=tools, previous_response_id=first.id
    )
    assert second.output_text == "Tools said: sun"


def test_what_nobody_keeps_is_refused_by_name(api, target):
    if target.direct or keeps_responses(target):
        pytest.skip("who answers keeps them")
    for name, code in (
        ("previous_response_id", "previous_response_not_found"),
        ("conversation", "conversation_not_found"),
    ):
        with pytest.raises(openai.BadRequestError) as refused:
            api.responses.create(model=target.model(), input="And?", **{name: "x_1"})
        assert (refused.value.code, refused.value.param) == (code, name)


def test_nothing_is_answered_in_the_background(api, target):
    if target.direct:
        pytest.skip("OpenAI does")
    with pytest.raises(openai.BadRequestError) as refused:
        api.responses.create(model=target.model(), input="Hello", background=True)
    assert (refused.value.code, refused.value.param) == ("unsupported_parameter", "background")
    api.responses.create(model=target.model(), input="Hello", background=False, store=None)
