"""The HTML reports of real drills in a real browser: nothing sticks out, nothing is blocked, everything can be read."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.cli.drilled import Drilled
from tests.rig.browser import Browser

WIDTHS = (1280, 390, 320)
# The contrast of every text with what lies behind it, by WCAG's arithmetic: the lowest, and whose it is.
LOWEST_CONTRAST = """
(() => {
  const channels = (text) => text.match(/[\\d.]+/g).map(Number);
  const linear = (value) => value <= 10.31 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4;
  const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = channels(getComputedStyle(at).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return [255, 255, 255];
  };
  let lowest = {ratio: 21, text: ''};
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, text = node.textContent.trim();
    if (!text || node.parentElement.closest('svg')) continue;
    const pair = [light(channels(getComputedStyle(node.parentElement).color)), light(behind(node.parentElement))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    if (ratio < lowest.ratio) lowest = {ratio, text};
  }
  return lowest;
})()
"""
OVERFLOW = """
(() => {
  const root = document.documentElement;
  const beyond = [...document.querySelectorAll('body *')].filter((each) => {
    const box = each.getBoundingClientRect();
    return !each.closest('thead') && box.width > 0 && (box.right > root.clientWidth + 0.5 || box.left < -0.5);
  });
  return {
    sticking: beyond.map((each) => each.outerHTML.slice(0, 120)),
    spilling: [...document.querySelectorAll('body *:not(svg, svg *)')]
      .filter((each) => getComputedStyle(each).display !== 'inline' && !each.closest('thead') && each.scrollWidth > each.clientWidth + 1)
      .map((each) => each.outerHTML.slice(0, 120)),
    scroll: root.scrollWidth, client: root.clientWidth,
  };
})()
"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["green", "red"])
def test_a_report_fits_and_can_be_read(machine_drilled: Drilled, browser: Browser, name: str, width: int, *, dark: bool) -> None:
    view = browser.view(machine_drilled.report(name, "html"), width=width, dark=dark)
    assert view.complaints == []
    measured: dict[str, Any] = view.evaluate(OVERFLOW)
    assert measured["client"] == width
    assert measured["scroll"] <= width
    assert measured["sticking"] == []
    assert measured["spilling"] == []
    contrast = view.evaluate(LOWEST_CONTRAST)
    assert contrast["ratio"] >= 4.5, contrast
    # The sheet was taken: the page is not the browser's plain white.
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") == ("rgb(20, 21, 23)" if dark else "rgb(251, 250, 248)")


@pytest.mark.parametrize("name", ["green", "red"])
def test_a_report_is_in_order_for_who_cannot_see_it(machine_drilled: Drilled, browser: Browser, name: str) -> None:
    view = browser.view(machine_drilled.report(name, "html"), width=1280)
    assert view.evaluate("document.querySelectorAll('h1').length") == 1
    levels: list[int] = view.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((each) => Number(each.tagName[1]))")
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
    assert view.evaluate("[...document.querySelectorAll('table')].every((each) => each.caption && each.caption.textContent)")
    assert view.evaluate("[...document.querySelectorAll('svg')].every((each) => each.ariaLabel || each.ariaHidden === 'true')")
    assert view.evaluate("document.documentElement.lang") == "en"
    assert view.evaluate("performance.getEntriesByType('resource').length") == 0


def test_the_browser_sees_what_the_page_would_do_wrong(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "poor.html"
    policy = "<meta http-equiv='Content-Security-Policy' content=\"default-src 'none'\">"
    page.write_text(f"<!doctype html>{policy}<body><p style='color: #999; width: 2000px'>wide</p></body>", encoding="utf-8")
    view = browser.view(page, width=390)
    assert "Content Security Policy" in view.complaints[0]
    page.write_text("<!doctype html><body><p style='color: #999; width: 2000px'>wide</p></body>", encoding="utf-8")
    view = browser.view(page, width=390)
    assert view.evaluate(OVERFLOW)["sticking"] != []
    assert view.evaluate(LOWEST_CONTRAST)["ratio"] < 4.5
