"""A headless browser for the pages, and opening them from disk with no network."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
in_browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@contextlib.contextmanager
def visits(browser: Any, content: str, file: Path, requests: list[str]) -> Iterator[Callable[..., Any]]:
    """Opens `content`, or another page, from `file`; notes every request; nothing must have gone wrong."""
    troubles: list[str] = []
    contexts = []

    def open_(content: str = content, **options: Any) -> Any:
        context = browser.new_context(offline=True, **options)
        contexts.append(context)
        file.write_text(content, encoding="utf-8")
        tab = context.new_page()
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("requestfailed", lambda request: troubles.append(request.url[:100]))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto(file.as_uri())
        return tab

    yield open_
    for context in contexts:
        context.close()
    assert troubles == []
