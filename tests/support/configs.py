"""Configurations for tests, as values that processes.Holdfast writes down."""

# Short enough that a test of a deadline is quick, long enough for a busy machine.
SHORT = {
    "connect": "2s",
    "headers": "1s",
    "first_content": "1s",
    "idle": "1s",
    "total": "10s",
}
# For tests that are not about time.
LONG = {
    "connect": "10s",
    "headers": "30s",
    "first_content": "30s",
    "idle": "30s",
    "total": "60s",
}


def bounded(**changes) -> dict:
    """LONG with some changed, and none longer than `total`."""
    times = LONG | changes
    return {name: times["total"] for name in LONG} if "total" in changes else times


def provider(fake, **fields) -> dict:
    return {
        "kind": "openai_compatible",
        "base_url": fake.base_url,
        "key": "env:UPSTREAM_KEY",
        "timeouts": LONG,
    } | fields


def of_family(fake, **fields) -> dict:
    """A provider of the fake's family; Bedrock's is signed for: see BEDROCK_ENVIRONMENT."""
    kind = fake.family
    base = {"openai": fake.base_url, "mistral": fake.base_url, "cohere": fake.root_url + "/v2"}
    base["gemini"] = fake.root_url + "/v1beta"
    base["vertex"] = fake.root_url + "/v1/projects/p1/locations/europe-west4/publishers/google"
    proof = {"key": "env:UPSTREAM_KEY"}
    if kind == "bedrock":
        static = {"source": "aws_static", "access_key_id": "AKIDEXAMPLE"}
        proof = {"auth": static | {"secret_access_key": "env:AWS_SECRET"}, "region": "eu-central-1"}
    url = base.get(kind, fake.root_url)
    return {"kind": kind, "base_url": url, "timeouts": LONG} | proof | fields


BEDROCK_ENVIRONMENT = {"AWS_SECRET": "upstream-secret-access-key"}


def through(*fakes, timeouts=LONG, upstream_model="m1", **model) -> dict:
    """The logical model `chat` (and `embed`) over these fakes in order."""
    targets = [{"provider": fake.name, "model": upstream_model} for fake in fakes]
    return {
        "providers": {fake.name: provider(fake, timeouts=timeouts) for fake in fakes},
        "models": {"chat": {"policy": "failover", "targets": targets} | model},
    }


def misbehaving(fake, behaviour: str, spare=None, timeouts=LONG, **model) -> dict:
    """`chat` asks `fake` to misbehave by its model's name; then `spare`, if there is one."""
    targets = [{"provider": fake.name, "model": f"m1+{behaviour}"}]
    fakes = [fake]
    if spare is not None:
        targets.append({"provider": spare.name, "model": "m2"})
        fakes.append(spare)
    return {
        "providers": {one.name: provider(one, timeouts=timeouts) for one in fakes},
        "models": {"chat": {"policy": "failover", "targets": targets} | model},
    }
