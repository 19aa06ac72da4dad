"""The section "See it" in a browser: controls, numbers, and the distribution of its chains."""

import json

import numpy as np
import pytest
from helpers.browser import chromium, open_page
from helpers.results_folder import build

from ebmark.report.page import _environment, _read
from ebmark.report.page._see_it import _pack, build_see_it
from ebmark.statistics import final_values, median_seed
from ebmark.store.maps import decode, encode
from ebmark.store.schema import load_study
from ebmark.store.table import current

DATASET = "eight_gaussians"
ROOT = f".see-it[data-name='{DATASET}']"


def section(folder):
    """What the section shows of the first dataset of a folder."""
    study = load_study(folder)
    table = current(folder, study)[0]
    return build_see_it(folder, study, table, study["datasets"][0], study["methods"], 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of results, and a page that has only the section."""
    place = tmp_path_factory.mktemp("toy")
    folder = build(place, datasets=("eight_gaussians",), seeds=3, points=50, grid=40)
    html = _environment().get_template("see_it.html").module.see_it(DATASET, section(folder))
    css = _read("style.css") + _read("see_it.css")
    filler = '<div style="height: 3000px"></div>'
    script = f"<script>{_read('url_state.js')}{_read('see_it.js')}</script>"
    main = f"<nav></nav><main><section id='see-it'>{html}</section>{filler}</main>"
    page = f"<!doctype html><style>{css}</style><body>{main}{script}</body>"
    (folder / "report.html").write_text(page)
    return folder


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser, folder):
    page = open_page(browser, folder / "report.html", viewport={"width": 1280, "height": 1000})
    page.locator("#see-it").scroll_into_view_if_needed()
    page.locator(f"{ROOT}[data-ready]").wait_for(state="attached")
    yield page
    # no request, no message, no error; the tests themselves read the canvas
    log = [line for line in page.log if "willReadFrequently" not in line]
    assert log == [(folder / "report.html").as_uri()]
    page.context.close()


def part(page, name):
    return page.locator(f"{ROOT} [data-part='{name}']")


def pixels(page, left, right):
    """The sum of the pixels of the canvas between two fractions of its width."""
    return page.evaluate(
        """([root, left, right]) => {
          const canvas = document.querySelector(`${root} canvas`), { width, height } = canvas;
          const box = [left * width, 0.1 * height, (right - left) * width, 0.3 * height];
          const data = canvas.getContext("2d").getImageData(...box.map(Math.round)).data;
          return data.reduce((sum, value) => sum + value, 0);
        }""",
        [ROOT, left, right],
    )


def test_kl_at_end_of_scrubber_equals_table(page, folder):
    table = current(folder, load_study(folder))[0]
    values = final_values(table, "eight_gaussians", "kl")
    for method in ("cd", "nce"):
        part(page, "left").select_option(label=method)
        text = part(page, "when").locator("span").first.inner_text()
        expected = values[method][median_seed(values[method])]
        assert f"{method}: 5,000 updates" in text
        assert float(text.split("KL ")[1]) == pytest.approx(expected, rel=0.05)


def test_divider_moves_by_keyboard_and_mouse(page):
    wipe = part(page, "wipe")
    part(page, "left").select_option(label="dsm")
    part(page, "right").select_option(label="target")
    box = wipe.bounding_box()
    before = pixels(page, 0.55, 0.9)  # the error map of the target is blank
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + 0.95 * box["width"], box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    assert int(wipe.input_value()) > 85
    assert pixels(page, 0.55, 0.9) > 1.5 * before
    wipe.press("Home")
    assert wipe.input_value() == "0"
    for _ in range(3):
        wipe.press("ArrowRight")
    assert wipe.input_value() == "3"
    assert "dsm on the left 3%" in wipe.get_attribute("aria-valuetext")


def test_scrubber_moves_by_keyboard_and_mouse(page):
    time, when = part(page, "time"), part(page, "when")
    time.press("Home")
    assert "cd: 500 updates" in when.inner_text()
    box = time.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 5, box["y"] + box["height"] / 2)
    assert "cd: 5,000 updates" in when.inner_text()


def test_choices_are_kept_in_the_url(page):
    """A reload shows the same methods, updates, view and divider; defaults are left out."""
    part(page, "left").select_option(label="nce")
    page.locator(f"{ROOT} [data-show][value='density']").check()
    part(page, "time").press("Home")
    part(page, "wipe").press("End")
    before = part(page, "when").inner_text()
    assert page.url.partition("?")[2].count("=") == 4 and "left.eight_gaussians=nce" in page.url
    page.reload()
    page.locator(f"{ROOT}[data-ready]").wait_for(state="attached")
    assert part(page, "when").inner_text() == before
    assert page.locator(f"{ROOT} [data-show]:checked").get_attribute("value") == "density"
    assert part(page, "wipe").input_value() == "100"
    part(page, "left").select_option(label="cd")
    assert "left" not in page.url
    page.log[1:] = []  # the reload


def test_maps_follow_the_theme_that_is_chosen(page):
    ink = f'document.querySelector("{ROOT}").view.ink'
    before = page.evaluate(ink)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_function(f"{ink} !== '{before}'")
    assert before == "rgb(31, 35, 40)" and page.evaluate(ink) == "rgb(228, 231, 234)"


def test_error_map_of_target_is_blank(page):
    part(page, "left").select_option(label="target")
    part(page, "right").select_option(label="target")
    blank = page.evaluate(
        """(root) => {
          const view = document.querySelector(root).view, picture = view.pictures[0];
          const { width, height } = picture;
          const data = picture.getContext("2d").getImageData(0, 0, width, height).data;
          return data.filter((value, k) => k % 4 === 3 && value).length / (width * height);
        }""",
        ROOT,
    )
    assert blank < 0.05  # the dotted outline


def test_chains_run_and_pause_out_of_sight(page):
    part(page, "exact").press("Enter")
    page.wait_for_timeout(500)
    count = f'document.querySelector("{ROOT}").view.chains[0].time'
    assert page.evaluate(count) > 0
    assert part(page, "modes").locator("rect").count() == 16
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    page.wait_for_timeout(300)
    paused = page.evaluate(count)
    page.wait_for_timeout(300)
    assert page.evaluate(count) == paused
    part(page, "run").click()
    assert part(page, "run").inner_text() == "Run"


def test_chains_stand_still_with_reduced_motion(browser, folder):
    page = open_page(browser, folder / "report.html", reduced_motion="reduce")
    page.locator("#see-it").scroll_into_view_if_needed()
    page.locator(f"{ROOT}[data-ready]").wait_for(state="attached")
    part(page, "run").click()
    page.wait_for_timeout(300)
    assert page.evaluate(f'document.querySelector("{ROOT}").view.chains[0].time') == 500
    page.context.close()


def test_error_maps_are_shown_without_javascript(browser, folder):
    page = open_page(browser, folder / "report.html", java_script_enabled=False)
    images = page.locator(f"{ROOT} .see-one img")
    assert images.count() == 4 and images.first.bounding_box()["width"] > 80
    assert "misplaced" in images.first.get_attribute("alt")
    assert not page.locator(f"{ROOT} .see-live").is_visible()
    page.context.close()


def two_modes(num=96):
    """Log-density of modes of the weights 0.7 and 0.3 at -1 and 1, SD 0.5, on [-4, 4]^2."""
    x = (np.arange(num) + 0.5) / num * 8 - 4
    along = np.logaddexp(np.log(0.7) - 2 * (x + 1) ** 2, np.log(0.3) - 2 * (x - 1) ** 2)
    return x, along[:, None] - x**2 / 2


def run_chains(page, values, num_steps, h, start):
    """Chains of the page on a log-density: mean fraction on each side, and SD of y."""
    return page.evaluate(
        """async ([packed, shape, steps, h, start]) => {
          const field = seeIt.makeField((await seeIt.unpack(packed, shape))[0], shape);
          const chains = new seeIt.Chains(2000, 7), middle = (shape[0] - 1) / 2;
          chains[start](field);
          let left = 0, square = 0, num = 0;
          for (let n = 0; n < steps; n++) {
            chains.step(field, h, 1);
            if (n < steps / 5) continue;
            num += 2000;
            for (let k = 0; k < 2000; k++) {
              left += chains.u[k] < middle;
              square += ((chains.v[k] - middle) * 8 / shape[1]) ** 2;
            }
          }
          return [left / num, Math.sqrt(square / num)];
        }""",
        [_pack([values]), list(values.shape), num_steps, h, start],
    )


def test_long_run_of_chains_has_the_exact_mode_weights(page):
    """Within 5% of the weights, from noise and from exact samples; SD of y within 3%.

    2,000 chains that cross about every 100 steps: the standard error of the weight is below 0.5%.
    """
    x, values = two_modes()
    p = np.exp(values).sum(axis=1)
    exact = p[x < 0].sum() / p.sum()
    for start in ("fromNoise", "fromExact"):
        left, sd = run_chains(page, values, 1500, 0.01, start)
        assert left == pytest.approx(exact, rel=0.05)
        assert 1 - left == pytest.approx(1 - exact, rel=0.05)
        assert sd == pytest.approx(1, rel=0.03)


@pytest.mark.slow
def test_page_unpacks_what_python_packed(page):
    values = 50 * np.random.default_rng(0).normal(size=(2, 9, 7))
    unpack = "async ([packed, shape]) => (await seeIt.unpack(packed, shape)).map(m => [...m])"
    got = page.evaluate(unpack, [_pack(list(values)), [9, 7]])
    expected = [decode(*encode(one)) for one in values]
    assert np.reshape(got, values.shape) == pytest.approx(np.stack(expected), abs=1e-3)


@pytest.mark.slow
def test_section_is_small(folder):
    see_it = section(folder)
    assert len(see_it.data) < 900_000
    assert [m["name"] for m in json.loads(see_it.data)["methods"]] == ["cd", "dsm", "nce", "mle"]


@pytest.mark.full
def test_folder_without_maps_has_no_section(tmp_path):
    folder = build(tmp_path, datasets=("half_moons",), seeds=1, points=20, grid=20, maps=False)
    assert section(folder) is None
