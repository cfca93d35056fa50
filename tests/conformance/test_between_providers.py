"""What happens when a conversation moves: failover across families, and state that must not follow.

A thinking signature, an encrypted reasoning item or a thought signature is bound to the house that
made it. The fakes refuse any but their own, so a foreign one that is sent on shows at once.
"""

import conftest
import drivers
import features
import pytest
from conftest import PROVIDERS, kinds, missing
from support.processes import Holdfast

# Client families that carry thoughts, and the providers that sign them.
CARRIERS = ("responses", "anthropic", "gemini", "bedrock")
SIGNERS = ("anthropic", "bedrock", "gemini", "mistral")
STREAMS = [pytest.param(False, id="whole"), pytest.param(True, id="stream")]


@pytest.fixture(scope="session")
def together(family_fake, tmp_path_factory):
    """One Holdfast before the fakes of all families that it knows, and routes between them."""
    known = [one for one in PROVIDERS if one in kinds()]
    models = {}
    for one in known:
        models[one] = {"targets": [{"provider": one, "model": "gemini-3-x"}]}
        for other in known:
            failing = {"provider": one, "model": "m1+error;class=overloaded"}
            models[f"{one}-then-{other}"] = {
                "targets": [failing, {"provider": other, "model": "m1"}]
            }
    config = {
        "providers": {one: conftest.provider_config(one, family_fake(one)) for one in known},
        "models": models,
    }
    folder = tmp_path_factory.mktemp("together")
    instance = Holdfast(folder, config, env=conftest.ENVIRONMENT)
    yield instance
    instance.stop()


def possible(cases):
    """Those (client, first, second) that this build can; one skipped test when it can none."""
    found, reason = [], ""
    for client, first, second in cases:
        lacks = missing(client, first) or missing(client, second)
        reason = reason or lacks
        found += [] if lacks else [pytest.param(client, first, second)]
    mark = pytest.mark.skip(reason=reason)
    return found or [pytest.param(None, None, None, id="none", marks=mark)]


def pytest_generate_tests(metafunc):
    if "second" not in metafunc.fixturenames:
        return
    if "gemini_alone" in metafunc.fixturenames:
        cases = [("anthropic", "anthropic", "gemini")]
    else:
        cases = [(a, b, c) for a in CARRIERS for b in SIGNERS for c in SIGNERS]
    metafunc.parametrize(("client", "first", "second"), possible(cases))


@pytest.fixture
def gemini_alone():
    """Marks the test whose second provider is Gemini."""


@pytest.mark.parametrize("stream", STREAMS)
@pytest.mark.parametrize("client", drivers.DRIVERS)
def test_any_provider_stands_in_for_any(request, drivers_made, client, stream):
    known = [one for one in PROVIDERS if not missing(client, one)]
    if len(known) < 2:
        pytest.skip(f"this build has no two providers for {client}")
    together = request.getfixturevalue("together")
    driver = drivers_made(client, together.app_url)
    for one in known:
        for other in known:
            out = driver.ask(f"{one}-then-{other}", drivers.Request(), stream)
            assert out.text == "Hello from one w3 w4", (one, other)


@pytest.mark.parametrize("stream", STREAMS)
def test_no_thought_follows_to_another_house(
    request, family_fake, drivers_made, client, first, second, stream
):
    """It goes on without the foreign thought, or is refused for it; the same house gets its own."""
    driver = drivers_made(client, request.getfixturevalue("together").app_url)
    asked = drivers.Request(thinking=True, tools=[features.WEATHER])
    out = driver.ask(first, asked, stream)
    asked.rounds.append((out, [(out.calls[0], "sun", False)]))
    family_fake(second).clear()
    try:
        again = driver.ask(second, asked, stream)
        assert again.text == "Tools said: sun"
    except drivers.Fault as fault:
        assert first != second and fault.status == 400, fault
        assert "signature" in fault.message.lower() or "thinking" in fault.message.lower(), fault
        assert family_fake(second).receipts() == []  # refused by Holdfast, not by the provider


@pytest.mark.parametrize("stream", STREAMS)
def test_gemini_gets_the_sentinel_for_calls_of_others(
    request, family_fake, drivers_made, client, first, second, stream, gemini_alone
):
    """Its third generation refuses a call of this turn without a signature."""
    driver = drivers_made(client, request.getfixturevalue("together").app_url)
    asked = drivers.Request(tools=[features.WEATHER])
    out = driver.ask(first, asked, stream)
    asked.rounds.append((out, [(out.calls[0], "sun", False)]))
    family_fake(second).clear()
    assert driver.ask(second, asked, stream).text == "Tools said: sun"
    (receipt,) = family_fake(second).receipts()
    assert b"skip_thought_signature_validator" in receipt["body"]
