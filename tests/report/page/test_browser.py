"""The report in a real browser: no requests, no errors, no horizontal overflow, sorting."""

import pytest
from helpers.browser import chromium, open_page, serious_findings
from helpers.costs import full_unless

pytestmark = pytest.mark.slow


@pytest.fixture
def report(toy):
    return toy / "report.html"


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(
    params=full_unless((1280, "light").__eq__, [(1280, "light"), (1280, "dark"), (400, "light")]),
    ids=str,
)
def page(browser, report, request):
    width, scheme = request.param
    viewport = {"width": width, "height": 900}
    page = open_page(browser, report, viewport=viewport, color_scheme=scheme)
    yield page
    page.context.close()


def test_browser_logs_no_request_and_no_error(page, report):
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_load_state("networkidle")
    assert page.log == [report.as_uri()]


def test_page_does_not_overflow_sideways(page):
    page.locator("details").first.evaluate("d => d.open = true")
    wide, screen = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert wide <= screen


def test_tables_and_figures_are_shown(page):
    assert page.locator("table.results").count() == 1
    assert page.locator("table.results tbody tr").count() == 10
    images = page.locator("figure img")
    assert images.count() == 6
    images.evaluate_all("all => all.forEach(i => { i.loading = 'eager'; })")
    page.wait_for_function("[...document.images].every(i => i.complete && i.naturalWidth > 100)")
    charts = page.locator("#summary svg.rows, #cost svg.chart")
    assert charts.count() == 3
    assert all(charts.evaluate_all("all => all.map(s => s.getBoundingClientRect().width > 250)"))


def test_filters_are_kept_in_the_url(page, report):
    """A reload shows the same rows; methods are matched from their beginning."""
    page.select_option("[name=dataset]", "half_moons")
    page.fill("[name=methods]", "cd, nce")
    rows = page.locator("table.results tbody tr[data-method]:visible")
    assert rows.count() == 2
    page.reload()
    assert rows.count() == 2 and "dataset=half_moons" in page.url
    assert page.locator("[data-dataset=eight_gaussians]:visible").count() == 0


def test_theme_and_columns_can_be_chosen(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.click("#theme")
    assert page.evaluate(ground) != before
    more = page.locator("table.results th.more").first
    assert not more.is_visible()
    page.check("[name=more]")
    assert more.is_visible()


def test_keyboard_reaches_skip_link_and_definition(page):
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.locator("table.results button.term").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#def-kl").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#def-kl").is_visible()


def test_page_has_no_serious_accessibility_finding(page):
    page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    assert serious_findings(page) == []


def test_keyboard_reaches_every_control(page):
    """By Tab alone; of radio buttons, one of each group."""
    page.locator("details").evaluate_all("all => all.forEach(d => { d.open = true; })")
    missed = """() => [...document.querySelectorAll("a[href], button, select, input, summary")]
      .filter(e => e.checkVisibility() && !e.closest("[popover], dialog"))
      .filter(e => !window.reached.has(e.type === "radio" ? e.name : e))
      .map(e => e.outerHTML)"""
    page.evaluate("""() => {
      window.reached = new Set();
      document.addEventListener("focusin", ({ target: e }) =>
        window.reached.add(e.type === "radio" ? e.name : e));
    }""")
    for _ in range(20):  # sections that open when they are near get their controls late
        for _ in range(25):
            page.keyboard.press("Tab")
        if not page.evaluate(missed):
            break
    assert page.evaluate(missed) == []


def test_print_unfolds_everything(page):
    page.emulate_media(media="print")
    shown = "all => all.map(e => e.checkVisibility() && e.getBoundingClientRect().height > 5)"
    for what in ("table", "#def-kl", "details dl"):
        heights = page.locator(what).evaluate_all(shown)
        assert heights and all(heights), what
    hidden = page.locator("nav, form.tools, .see-live, button.term").evaluate_all(shown)
    assert not any(hidden)


def test_page_reads_without_javascript(browser, report):
    context = browser.new_context(java_script_enabled=False, offline=True)
    page = context.new_page()
    page.goto(report.as_uri())
    assert page.locator(".answer").is_visible()
    assert page.locator("table.results tbody tr:visible").count() == 10
    assert page.locator("#theme:visible, form.tools:visible").count() == 0
    context.close()


def test_text_contrast_is_accessible(page):
    """Contrast of text with its background at least 4.5 : 1 (WCAG AA)."""
    ratio = """() => {
      const value = c => c.match(/[\\d.]+/g).slice(0, 3).map(v => v / 255)
        .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const ground = value(getComputedStyle(document.body).backgroundColor);
      const what = "p, td, th, figcaption, dd, dt, li, h1, h2, h3, a, small, summary";
      const all = [...document.querySelectorAll(what)];
      return Math.min(...all.map(e => value(getComputedStyle(e).color))
        .map(v => (Math.max(v, ground) + 0.05) / (Math.min(v, ground) + 0.05)));
    }"""
    assert page.evaluate(ratio) >= 4.5


@pytest.mark.slow
def test_click_sorts_methods_above_the_oracle(page):
    table = page.locator("table.results").first
    values = """t => [...t.tBodies[0].rows].filter(r => !r.className).map(r => r.cells[2])
      .map(cell => Number(cell.dataset.value ?? cell.textContent))"""
    head = table.locator("thead th").nth(2).locator("button").first
    head.click()
    up = table.evaluate(values)
    assert up == sorted(up) and len(up) == 6
    head.click()
    assert table.evaluate(values) == up[::-1]
    kinds = table.evaluate("t => [...t.tBodies[0].rows].map(r => r.className)")
    assert kinds == [""] * 6 + ["role"] * 2 + ["null"] * 2
