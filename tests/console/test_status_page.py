"""The status page in a real browser, against the real binary."""

import shutil

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait
from support import configs

FLAGS = """--headless=new --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync
--disable-background-networking --disable-component-update --disable-dev-shm-usage
--proxy-server=direct://""".split()
SIZES = [1440, 390]
SCHEMES = ["light", "dark"]


class Page:
    def __init__(self, driver):
        self.driver = driver

    def open(self, instance, width=1440, scheme="light"):
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        screen = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        self.driver.get_log("browser")  # what was logged before is another test's
        self.driver.get(instance.admin_url + "/")
        return self

    def text(self, selector="body") -> str:
        return self.driver.find_element(By.CSS_SELECTOR, selector).text

    def wait_for(self, *words, selector="body"):
        def all_there(_):
            text = self.text(selector)
            return all(word in text for word in words)

        WebDriverWait(self.driver, 30, poll_frequency=0.1).until(
            all_there, f"{words} in {self.text(selector)!r}"
        )
        return self

    def run(self, script):
        return self.driver.execute_script("return " + script)

    def problems(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser")]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    program, driver_program = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver_program:
        pytest.skip("chromium and chromium-driver are not installed; ./dev test installs them")
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for flag in [*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(driver_program))
    yield Page(driver)
    driver.quit()


def failing_over(holdfast, fake):
    """Its first target's credential is refused, its second one answers."""
    one, two = fake("one"), fake("two")
    instance = holdfast(configs.misbehaving(one, "status_401", two))
    status, headers, _ = instance.chat()
    assert status == 200 and headers["x-holdfast-provider"] == "two"
    return instance


@pytest.mark.parametrize("width", SIZES)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_shows_what_happened(holdfast, fake, browser, width, scheme):
    page = browser.open(failing_over(holdfast, fake), width, scheme)
    page.wait_for("live", selector="#link")
    page.wait_for("chat answers from two instead of one.", selector="#verdict")
    page.wait_for("chat", "failover over 2 targets", "answers from two", selector="#models")
    page.wait_for("out", "revoked 401", "our credential is refused", "well", selector="#models")
    page.wait_for("one → two", "revoked 401", "req_", selector="#failovers")
    page.wait_for("No standby is configured.", selector="#standbys")
    assert page.run("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    ground = page.run("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(",")
    assert (int(ground[0]) > 127) == (scheme == "light")
    assert page.problems() == []


@pytest.mark.parametrize("width", SIZES)
def test_regions_are_shown_when_there_are_any(holdfast, fake, browser, width):
    one, two = fake("one"), fake("two")
    config = configs.through(one, two) | {"server": {"region": "eu-central"}}
    page = browser.open(holdfast(config), width)
    page.wait_for("live", selector="#link")
    assert "Regions" not in page.text()
    config["providers"]["one"]["region"] = "us-east"
    instance = holdfast(config)
    assert instance.chat(stream=True)[0] == 200
    page = browser.open(instance, width)
    page.wait_for("eu-central", "us-east", "ms", "not said", "none yet", selector="#regions")
    assert page.run("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert page.problems() == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read(holdfast, fake, browser, scheme):
    """Contrast of every text against what is behind it: 4.5 at least (WCAG 2.2, 1.4.3)."""
    page = browser.open(failing_over(holdfast, fake), 1440, scheme)
    page.wait_for("one → two", selector="#failovers")
    faint = page.run("""(() => {
      const parts = (c) => c.match(/[\\d.]+/g).map(Number);
      const light = (c) => parts(c).slice(0, 3).map((v) => v / 255)
        .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const behind = (node) => {
        for (; node; node = node.parentElement) {
          const colour = getComputedStyle(node).backgroundColor, [, , , alpha = 1] = parts(colour);
          if (alpha === 1) return colour;
        }
      };
      return [...document.querySelectorAll("body *")]
        .filter((n) => n.checkVisibility() && [...n.childNodes].some((c) => c.nodeType === 3 && c.data.trim()))
        .map((n) => [n.textContent.trim(), light(getComputedStyle(n).color), light(behind(n))])
        .map(([text, a, b]) => [text, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)])
        .filter(([, ratio]) => ratio < 4.5);
    })()""")
    assert faint == []


def test_follows_what_happens(holdfast, fake, browser):
    """Nobody reloads it: the next second shows the next thing."""
    one, two = fake("one"), fake("two")
    config = configs.through(one, two)
    instance = holdfast(config)
    page = browser.open(instance)
    page.wait_for("chat answers from its first choice.", selector="#verdict")
    page.wait_for("No failover yet.", selector="#failovers")
    one.listen(False)
    assert instance.chat()[0] == 200
    page.wait_for("one → two", "connect", selector="#failovers")
    assert page.problems() == []


@pytest.mark.attack(70)
def test_hostile_text_stays_text(holdfast, fake, browser):
    hostile = "<img/src=x/onerror=alert(1)>"
    one = fake("one")
    config = configs.through(one)
    config["models"]["chat"]["targets"][0]["model"] = hostile
    page = browser.open(holdfast(config))
    page.wait_for(hostile, selector="#models")
    assert page.run("document.images.length") == 0
    assert page.problems() == []


def test_a_standby_that_cannot_run_says_why(holdfast, fake, browser, tmp_path):
    one = fake("one")
    config = configs.through(one)
    missing = tmp_path / "missing.gguf"
    config["providers"]["local"] = {
        "kind": "llama_cpp",
        "binary": "/bin/true",
        "model": str(missing),
    }
    config["models"]["chat"]["targets"].append({"provider": "local", "model": "standby"})
    page = browser.open(holdfast(config))
    page.wait_for("local", "cannot run", f"there is no model file {missing}", selector="#standbys")
    page.wait_for("Standby local cannot run.", selector="#verdict")
    page.wait_for("the local engine local cannot run", selector="#warnings")


def test_says_plainly_when_nobody_answers(holdfast, fake, browser):
    instance = holdfast(configs.through(fake("one")))
    page = browser.open(instance).wait_for("live", selector="#link")
    instance.stop()
    page.wait_for("Connection lost at ", "What stands below was true then.", selector="#lost")
    assert "not connected" in page.text("#link")
    assert not page.run('document.getElementById("verdict").checkVisibility()')


@pytest.mark.attack(70)
def test_the_policy_allows_this_page_alone(holdfast, fake):
    instance = holdfast(configs.through(fake("one")))
    status, headers, body = instance.ask("GET", "/", admin=True)
    assert status == 200
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert (
        b"http://" not in body.replace(b"http://www.w3.org/2000/svg", b"")
        and b"https://" not in body
    )
