"""Hedging in tests: what it takes until a model's second target is asked beside a late first one."""

from support import configs

# Answers before the gateway knows what is late, and some more: it counts them when they have ended.
LEARNING = 120
# At once after that, since fakes are quick; one loop, so that all requests share what it may add.
QUICKLY = {"after": "p95", "at_least": "1ms"}
ONE_LOOP = {"server": {"threads": 1}}


def hedging(*fakes, **model) -> dict:
    """The logical model `chat` over these fakes in order, with hedging."""
    return configs.through(*fakes, **({"hedge": QUICKLY} | model)) | ONE_LOOP


def learn(instance, stream: bool) -> None:
    """Answers until the first target's times to first content are known."""
    for _ in range(LEARNING):
        status, _, _ = instance.chat(stream=stream)
        assert status == 200
