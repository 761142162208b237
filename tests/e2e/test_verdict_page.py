"""The page that is sent to a colleague, in a real browser: it draws, asks nobody, and fits a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from memlab.diagnose import diagnose
from memlab.lab.elsewhere import elsewhere
from memlab.observe.pasted import open_pasted
from memlab.present.card import card_html
from memlab.present.explain import explain_html
from memlab.present.growth import growth_of
from memlab.present.page import page, write

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]
CAPTURES = sorted((Path(__file__).parent.parent / "data/captures").glob("app_server.*"))


@pytest.mark.parametrize("width", [400, 1200])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_draws_and_asks_nobody(
    browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    recording = open_pasted(list(map(str, CAPTURES)), None)
    said = diagnose(recording)
    path = tmp_path / "verdict.html"
    write(explain_html(said, recording, elsewhere(said, recording)), str(path))
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme="dark" if scheme == "dark" else "light",
    )
    shown, asked, complaints = context.new_page(), list[str](), list[str]()
    shown.on("request", lambda request: asked.append(request.url))
    shown.on("console", lambda message: complaints.append(message.text))
    shown.on("pageerror", lambda error: complaints.append(str(error)))
    shown.goto(path.as_uri())
    shown.locator(".js-plotly-plot .main-svg").first.wait_for(timeout=30_000)
    assert asked == [path.as_uri()] and complaints == []
    assert shown.evaluate("document.documentElement.scrollWidth") <= width
    ground = shown.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(17, 17, 17)" if scheme == "dark" else "rgb(255, 255, 255)")
    context.close()


def test_a_card_unfolds_by_key(browser: Browser, tmp_path: Path) -> None:
    recording = open_pasted(list(map(str, CAPTURES)), None)
    said = diagnose(recording)
    path = tmp_path / "card.html"
    write(page("a card", card_html(said, growth_of(recording, said))), str(path))
    shown = browser.new_page()
    shown.goto(path.as_uri())
    picture = shown.locator("svg.memlab-growth")
    assert not picture.is_visible()
    shown.keyboard.press("Tab")
    shown.keyboard.press("Enter")
    picture.wait_for(state="visible", timeout=10_000)
    shown.close()
