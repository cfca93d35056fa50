"""The official `anthropic` package: Messages, counting, models."""

import anthropic
import drivers
import httpx
import pydantic
import pytest
from drivers import KEY

CLIENT = "anthropic"
HELLO = {"max_tokens": 1024, "messages": [{"role": "user", "content": "Hello"}]}


class Forecast(pydantic.BaseModel):
    city: str
    days: int


def test_grid(cell, carried):
    carried(cell)


def test_text_stream(api, target):
    with api.messages.stream(model=target.model(), **HELLO) as stream:
        assert "".join(stream.text_stream) == target.hello
        final = stream.get_final_message()
    assert final.stop_reason == "end_turn" and final.usage.output_tokens == 5


def test_parse_gives_an_object(api, target):
    answer = api.messages.parse(model=target.model(), output_format=Forecast, **HELLO)
    assert answer.parsed_output == Forecast(city="Rome", days=7)


def test_the_tool_runner_goes_round(api, target):
    @anthropic.beta_tool
    def weather(city: str, days: int) -> str:
        """The weather of a city.

        Args:
            city: its name
            days: how many
        """
        return f"{city} {days}: sun"

    runner = api.beta.messages.tool_runner(model=target.model(), tools=[weather], **HELLO)
    assert runner.until_done().content[0].text == "Tools said: Rome 7: sun"


def test_a_thread_is_refused_as_the_sdk_expects(api, target):
    """It then goes on without one; a provider of the dialect may keep it."""
    if target.provider == "anthropic":
        return
    with pytest.raises(anthropic.BadRequestError) as refused:
        api.messages.create(model=target.model(), extra_body={"thread": {"type": "new"}}, **HELLO)
    details = refused.value.body["error"]["details"]
    assert details["error_code"] == "thread_unsupported_request" and details["unsupported"]


def test_beta_flags_stay_with_their_house(api, target):
    """What changes the answer's shape is refused elsewhere, what does not is left out."""
    target.forget()
    flags = {"anthropic-beta": "interleaved-thinking-2025-05-14"}
    assert api.messages.create(model=target.model(), extra_headers=flags, **HELLO).content
    (receipt,) = target.fake.receipts()
    assert ("anthropic-beta" in receipt["header"]) == (target.provider == "anthropic")
    shaping = {"anthropic-beta": "interleaved-thinking-2025-05-14,server-side-fallback-2026-07-01"}
    if target.provider != "anthropic":
        with pytest.raises(anthropic.BadRequestError, match="anthropic-beta"):
            api.messages.create(model=target.model(), extra_headers=shaping, **HELLO)


async def test_asynchronously(base_url, target):
    async with anthropic.AsyncAnthropic(base_url=base_url, api_key=KEY, max_retries=0) as api:
        async with api.messages.stream(model=target.model(), **HELLO) as stream:
            final = await stream.get_final_message()
    assert final.content[0].text == target.hello


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
@pytest.mark.parametrize("spelling", ["x-api-key", "authorization"])
def test_both_versions_and_both_spellings_of_the_key(base_url, target, version, spelling):
    value = KEY if spelling == "x-api-key" else f"Bearer {KEY}"
    headers = {spelling: value, "anthropic-version": version}
    body = {"model": target.model()} | HELLO
    answer = httpx.post(base_url + "/v1/messages", json=body, headers=headers)
    assert answer.json()["content"] == [{"type": "text", "text": target.hello}]


def test_counting(target, drivers_made):
    driver = drivers_made("anthropic", target.url)
    assert driver.count(target.model(), drivers.Request()) > 0


def test_models(target, drivers_made):
    assert len(drivers_made("anthropic", target.url).models()) >= 2
