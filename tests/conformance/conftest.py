"""The grid: client family x provider x feature, first against the fakes, then through Holdfast."""

import collections
import functools
import importlib
import pathlib
import re
import subprocess
import sys
import tempfile

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "support")]

import drivers  # noqa: E402
import drivers_js  # noqa: E402
import features  # noqa: E402
from support import configs  # noqa: E402
from support.processes import BINARY, Fake, Holdfast  # noqa: E402

# {(client, provider, feature, mode): (mark, reason)}
grid_key = pytest.StashKey[dict]()

PROVIDERS = (
    "openai",
    "azure_openai",
    "mistral",
    "anthropic",
    "gemini",
    "vertex",
    "bedrock",
    "cohere",
)
# Whose fake answers a client without a gateway.
OWN = {
    "openai": "openai",
    "azure": "azure_openai",
    "responses": "openai",
    "anthropic": "anthropic",
    "gemini": "gemini",
    "vertex": "vertex",
    "bedrock": "bedrock",
}
CLIENTS = (*OWN, *drivers_js.FAMILY)
# A request that each client family's endpoint answers with anything but "no such endpoint".
PROBES = {
    "openai": "/v1/chat/completions",
    "azure": "/openai/deployments/good/chat/completions?api-version=2024-10-21",
    "responses": "/v1/responses",
    "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/good:generateContent",
    "vertex": "/v1/projects/p1/locations/l1/publishers/google/models/good:generateContent",
    "bedrock": "/model/good/converse",
}
# Statuses by class (one class, one status, whatever the provider said).
GATEWAY = {
    "bad_request": {400},
    "context": {400},
    "auth": {502},
    "forbidden": {403, 404, 502},
    "no_model": {403, 404, 502},
    "filtered": {400},
    "rate_limit": {429},
    "quota": {429},
    "overloaded": {503},
    "fault": {500, 502},
    "timeout": {504},
}
# AWS's service model gives its exceptions statuses of their own.
GATEWAY_OF = {
    "anthropic": GATEWAY | {"quota": {402}, "overloaded": {529}, "fault": {500}},
    "bedrock": GATEWAY | {"quota": {400}, "timeout": {408}},
}


@functools.cache
def family(kind: str):
    """The dialect of a fake as a value, to ask it what it would say."""
    module = importlib.import_module(f"support.families.{'gemini' if kind == 'vertex' else kind}")
    return module.make(kind, "one")


def dialect(client: str) -> str:
    """The dialect that a client speaks."""
    return (drivers_js.FAMILY | drivers.DIALECT).get(client, client)


def own_kind(client: str) -> str:
    return OWN[drivers_js.FAMILY.get(client, client)]


class Target:
    """Where a driver sends its requests, and what to expect from there."""

    def __init__(self, client: str, provider: str, fake: Fake, gateway: Holdfast | None):
        self.client, self.provider, self.fake, self.gateway = client, provider, fake, gateway
        self.direct = gateway is None
        self.url = fake.root_url if self.direct else gateway.app_url
        self.hello = f"Hello from {fake.name} w3 w4"
        # Providers without a mark for failed tools get it in words, and say them back.
        self.marks = "fail" if self.direct and client in ("openai", "responses") else ""

    def model(self, behaviour: str = "good") -> str:
        return f"m1+{behaviour}" if self.direct else slug(behaviour)

    def statuses(self, kind: str) -> set[int]:
        if self.direct:
            return {family(self.provider).error(kind, {}).status}
        return GATEWAY_OF.get(self.client, GATEWAY)[kind]

    def forget(self) -> None:
        self.fake.clear()

    def received(self) -> str:
        return "\n".join(receipt["body"].decode() for receipt in self.fake.receipts())


def slug(behaviour: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", behaviour)


def behaviours() -> list[str]:
    return sorted({one for each in features.FEATURES.values() for one in each.behaviours})


# What a provider's base URL ends in.
BASE = {"openai": "/v1", "mistral": "/v1", "gemini": "/v1beta", "cohere": "/v2"}
BASE["vertex"] = "/v1/projects/p1/locations/europe-west4/publishers/google"


def provider_config(kind: str, fake: Fake) -> dict:
    """How Holdfast is told of the fake."""
    base = fake.root_url + BASE.get(kind, "")
    if kind == "bedrock":
        auth = {"source": "aws_static", "access_key_id": drivers.ACCESS_KEY}
        keys = {"auth": auth | {"secret_access_key": "env:AWS_SECRET"}}
        keys["region"] = drivers.REGION
    else:
        keys = {"key": "env:UPSTREAM_KEY"}
    return {"kind": kind, "base_url": base, "timeouts": configs.LONG} | keys


def config_for(kind: str, fake: Fake) -> dict:
    models = {
        slug(one): {"policy": "failover", "targets": [{"provider": "one", "model": f"m1+{one}"}]}
        for one in behaviours()
    }
    providers = {"one": provider_config(kind, fake)}
    return {"providers": providers, "models": models, "responses": {"store": True}}


ENVIRONMENT = {"AWS_ID": drivers.ACCESS_KEY, "AWS_SECRET": drivers.SECRET_KEY}


# What the binary can, so that what it cannot is one cell with a reason.


@functools.cache
def kinds() -> frozenset[str]:
    if not BINARY.exists():
        return frozenset()
    run = subprocess.run([BINARY, "config", "reference"], capture_output=True, text=True)
    found = re.search(r"providers\.NAME\.kind` \| one of ([^|]+)\|", run.stdout)
    return frozenset(re.split(r",\s*", found[1].strip())) if found else frozenset()


@functools.cache
def clients() -> frozenset[str]:
    """The client families that have an endpoint."""
    if not BINARY.exists():
        return frozenset()
    target = {"provider": "none", "model": "m1"}
    provider = {"kind": "openai_compatible", "base_url": "http://127.0.0.1:9/v1"}
    config = {
        "providers": {"none": provider | {"key": "env:UPSTREAM_KEY"}},
        "models": {"good": {"policy": "failover", "targets": [target]}},
    }
    found = set()
    with tempfile.TemporaryDirectory() as folder:
        gateway = Holdfast(folder, config)
        try:
            for name, path in PROBES.items():
                status, _, _ = gateway.ask("POST", path, {}, {"anthropic-version": "2023-06-01"})
                if status != 404:
                    found.add(name)
        finally:
            gateway.stop()
    return frozenset(found)


def missing(client: str, provider: str) -> str | None:
    if client in drivers_js.FAMILY and drivers_js.missing():
        return drivers_js.missing()
    client = drivers_js.FAMILY.get(client, client)
    if provider == "direct":
        return None
    if not BINARY.exists():
        return "holdfast is not built"
    if provider not in kinds():
        return f"this build has no provider of kind {provider}"
    if client not in clients():
        return f"this build does not answer {PROBES[client]}"
    return None


def pytest_generate_tests(metafunc):
    """A test with `cell` runs for each provider and feature of its module's clients, one with
    `place` for each provider. What cannot be is no test, but a cell of the grid with its reason;
    a provider that this build lacks is one skipped test."""
    if "place" in metafunc.fixturenames:
        client = metafunc.module.CLIENT
        metafunc.parametrize("place", there(client))
    if "cell" in metafunc.fixturenames:
        clients_here = getattr(metafunc.module, "CLIENTS", None) or [metafunc.module.CLIENT]
        grid = metafunc.config.stash.setdefault(grid_key, {})
        cells = []
        for client in clients_here:
            for provider in ("direct", *PROVIDERS):
                cells += cells_of(client, provider, grid)
        metafunc.parametrize("cell", cells)


def there(client: str) -> list[str]:
    return [one for one in ("direct", *PROVIDERS) if not missing(client, one)]


def cells_of(client: str, provider: str, grid: dict) -> list:
    reason = missing(client, provider)
    if reason:
        mark = pytest.mark.skip(reason=reason)
        value = (client, provider, None, None)
        return [pytest.param(value, id=f"{client}-{provider}", marks=mark)]
    direct, cells = provider == "direct", []
    kind = own_kind(client) if direct else provider
    for name, one in features.FEATURES.items():
        if not direct and not features.counts_for(client, name):
            continue
        reason = features.why_not(client, dialect(client), kind, name, direct)
        for mode in one.modes:
            value = (client, provider, name, mode)
            if reason:
                grid[value] = (".", reason)
            else:
                quick = not direct and client in OWN and name in features.SANITIZED
                marks = [pytest.mark.asan] if quick else []
                cells.append(pytest.param(value, id="-".join(value), marks=marks))
    return cells


# Fixtures.


@pytest.fixture(scope="session")
def family_fake():
    """family_fake(kind): the fake provider of a family, one for the session."""
    made = {}

    def start(kind: str) -> Fake:
        if kind not in made:
            made[kind] = Fake("one", family=kind)
        return made[kind]

    yield start
    for fake in made.values():
        fake.stop()


@pytest.fixture(scope="session")
def gateway_for(family_fake, tmp_path_factory):
    """gateway_for(kind): Holdfast before the fake of that family."""
    made = {}

    def start(kind: str) -> Holdfast:
        if kind not in made:
            folder = tmp_path_factory.mktemp(f"gateway-{kind}")
            made[kind] = Holdfast(folder, config_for(kind, family_fake(kind)), env=ENVIRONMENT)
        return made[kind]

    yield start
    for gateway in made.values():
        gateway.stop()


@pytest.fixture(scope="session")
def drivers_made():
    made = {}

    def make(client: str, url: str):
        if (client, url) not in made:
            made[client, url] = drivers.DRIVERS[client](url)
        return made[client, url]

    yield make
    for driver in made.values():
        driver.close()


@pytest.fixture
def target(request, place, family_fake, gateway_for):
    """Where the module's client is pointed: its own fake, or Holdfast before another."""
    client, direct = request.module.CLIENT, place == "direct"
    kind = OWN[client] if direct else place
    return Target(client, kind, family_fake(kind), None if direct else gateway_for(kind))


@pytest.fixture
def base_url(target):
    return target.url


@pytest.fixture
def api(target, drivers_made):
    """The official client itself."""
    return drivers_made(target.client, target.url).sdk


@pytest.fixture
def carried(request, family_fake, gateway_for, drivers_made):
    """carried(cell, make_driver=None): runs one cell of the grid."""

    def run(cell, make_driver=drivers_made) -> None:
        client, provider, name, mode = cell
        direct = provider == "direct"
        kind = own_kind(client) if direct else provider
        target = Target(
            dialect(client), kind, family_fake(kind), None if direct else gateway_for(kind)
        )
        driver, feature = make_driver(client, target.url), features.FEATURES[name]
        still_open = features.OPEN.get((dialect(client), kind, name))
        if still_open and not direct:
            with pytest.raises((AssertionError, drivers.Fault)):
                feature.run(driver, target, mode == "stream")
            pytest.xfail(f"{name}: {still_open}")
        if direct or name not in features.REFUSED.get(kind, {}):
            return feature.run(driver, target, mode == "stream")
        with pytest.raises(drivers.Fault) as refused:
            feature.run(driver, target, mode == "stream")
        word, reason = features.REFUSED[kind][name]
        assert refused.value.status == 400, refused.value
        assert word in refused.value.message.lower(), refused.value
        request.node.user_properties.append(("refused", reason))
        return None

    return run


# The grid, printed at the end.


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    cell = getattr(item, "callspec", None) and item.callspec.params.get("cell")
    if cell and (report.when == "call" or report.skipped or report.failed):
        grid = item.config.stash.setdefault(grid_key, {})
        refused = dict(item.user_properties).get("refused")
        skipped = report.skipped and isinstance(report.longrepr, tuple)
        reason = report.longrepr[2] if skipped else refused
        reason = re.sub(r"^Skipped: (\w+: )?", "", reason or "")
        mark = "r" if refused and report.passed else "+"
        if report.skipped:
            xfailed = getattr(report, "wasxfail", None)
            mark, reason = ("o", xfailed) if xfailed else (".", reason)
        grid[cell] = ("X" if report.failed else mark, reason)
    return report


def pytest_sessionfinish(session):
    """A worker of pytest-xdist hands its cells to the process that prints them."""
    if hasattr(session.config, "workeroutput"):
        grid = session.config.stash.get(grid_key, {})
        session.config.workeroutput["grid"] = [[*cell, *found] for cell, found in grid.items()]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    grid = node.config.stash.setdefault(grid_key, {})
    for *cell, mark, reason in getattr(node, "workeroutput", {}).get("grid", []):
        grid[tuple(cell)] = (mark, reason)


def pytest_terminal_summary(terminalreporter, config):
    grid = config.stash.get(grid_key, {})
    if all(mark == "." for mark, _ in grid.values()):
        return
    out = terminalreporter
    out.section("carried: client x provider x feature (whole, stream)")
    out.line(
        "+ carried   r refused, as it should   . not there, see below   o still open   X failed"
    )
    columns, reasons = ("direct", *PROVIDERS), collections.defaultdict(set)
    for client in CLIENTS:
        if not any(key[0] == client for key in grid):
            continue
        out.line(f"{client:<26}" + " ".join(f"{name[:7]:>7}" for name in columns))
        for name, one in features.FEATURES.items():
            cells = []
            for provider in columns:
                whole = grid.get((client, provider, None, None))
                found = [grid.get((client, provider, name, mode)) for mode in one.modes]
                marks = "".join(cell[0] for cell in found if cell) or ("." if whole else "")
                cells.append(marks)
                for cell in filter(None, [whole, *found]):
                    if cell[1] and cell[0] in ".ro":
                        reasons[cell[1]].add(f"{client}>{provider}" + ("" if whole else f" {name}"))
            out.line(f"  {name:<24}" + " ".join(f"{marks:>7}" for marks in cells))
    for reason, where in sorted(reasons.items()):
        shown = sorted(where)
        more = f" and {len(shown) - 6} more" if len(shown) > 6 else ""
        out.line(f"{reason}: {', '.join(shown[:6])}{more}")
