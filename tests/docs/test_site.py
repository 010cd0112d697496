"""The site of the pages: it is built strictly, and it opens from disk."""

from __future__ import annotations

import html
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from browsing import chromium, in_browser
from conftest import ROOT
from test_docs import ALL, environment

from ntk_core.storage.metadata import FROBENIUS


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built as `make docs` does, elsewhere."""
    folder = tmp_path_factory.mktemp("site") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment() | {"NO_MKDOCS_2_WARNING": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "WARNING" not in done.stdout
    # Not --quiet: then warnings are neither told nor counted.
    assert "mkdocs build --strict\n" in (ROOT / "Makefile").read_text(encoding="utf-8")
    return folder


def plain(text: str) -> str:
    """HTML without tags, with single spaces."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", text)).strip()


def words(site: Path, page: str) -> str:
    return plain((site / page).read_text(encoding="utf-8"))


def leaves(nav: list | dict | str) -> list[str]:
    """The pages of the navigation or of a part of it."""
    if isinstance(nav, str):
        return [nav]
    return [page for part in (nav.values() if isinstance(nav, dict) else nav) for page in leaves(part)]


def test_the_navigation_has_every_page_under_its_own_title(site):
    text = re.sub(r"!!python\S*", "", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    pages = leaves(yaml.safe_load(text)["nav"])
    written = {path.relative_to(ROOT / "docs").as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert written < set(pages)
    html_of = {page: page.replace("README.md", "index.md").replace(".md", ".html") for page in pages}
    start = (site / "index.html").read_text(encoding="utf-8")
    sidebar = start[start.index("md-sidebar--primary") : start.index("md-sidebar--secondary")]
    named = {
        href: plain(name)
        for href, name in re.findall(
            r"<a href=\"([^\"#]*)\" class=\"md-nav__link[^\"]*\">(.*?)</a>", sidebar, re.S
        )
    }
    for page in written | {"index.md", "config/README.md", "CONTRIBUTING.md"}:
        title = re.search(r"<h1.*?>(.*?)<a", (site / html_of[page]).read_text("utf-8"), re.S)
        assert named[html_of[page]] == plain(title[1]), page


def test_the_site_loads_nothing_from_elsewhere(site):
    for path in site.rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.findall(
            r"""<(?:script|img|iframe|link)[^>]*(?:src|href)=["']?(?:https?:)?//[^>]*>""", text
        ), path
    for path in site.rglob("*.css"):
        assert not re.search(r"""url\(["']?(?:https?:)?//|@import""", path.read_text(encoding="utf-8")), path


def test_code_is_shown_as_it_is_in_the_sources(site):
    for page, name in (("config/README.md", "config/index"), ("docs/own-law.md", "own-law")):
        shown = html.unescape(re.sub(r"<[^>]*>", "", (site / f"{name}.html").read_text(encoding="utf-8")))
        for block in ALL[page]:
            assert block.text.strip() in shown, block


def test_formulas_are_no_latex(site):
    assert (site / "theory.html").read_text(encoding="utf-8").count("<math") > 300
    for page in ("theory.html", "notes.html", "index.html", "tutorial.html", "design.html"):
        text = (site / page).read_text(encoding="utf-8")
        shown = re.sub(r"<(code|pre|script).*?</\1>", "", text, flags=re.S)
        assert not re.search(r"\$|\\[a-z]+\b|ntkformula", re.sub(r"<[^>]*>", "", shown)), page


def test_the_config_reference_has_every_key(site):
    from ntk_core.experiments import config, execution_model, models

    text = words(site, "reference/config.html")
    for section, prefix in (
        (config.Config, ""),
        (models.ExperimentModel, "experiments.&lt;name&gt;."),
        (models.TrainedModel, "experiments.&lt;name&gt;."),
        (config.AnalysisModel, "analysis."),
        (execution_model.ExecutionModel, "execution."),
        (execution_model.JobqueueModel, "execution.jobqueue."),
        (execution_model.TlsModel, "execution.tls."),
    ):
        for key in section.model_fields:
            assert f" {prefix}{key} " in text, key
    assert "first_seed whole number 0 to 2^40 0 " in text
    assert "execution.threads whole number 1 to 4,096 1 " in text
    assert "execution.dashboard true or false – false " in text


def cells(row: str) -> tuple[str, list[str]]:
    """The first cell of a row of a table, and the others."""
    texts = re.findall(r"<td>(.*?)</td>", row, re.S)
    first, *others = [html.unescape(re.sub("<.*?>", "", cell)).strip() for cell in texts]
    return first, others


def test_the_data_dictionary_has_every_variable_of_the_default_run(site, default_run):
    import xarray as xr

    page = (site / "reference/data.html").read_text(encoding="utf-8")
    kinds = {"theorem1": "drawn", "definitions": "drawn", "frobenius": "drawn"}
    kinds |= {"lazy": "trained", "one_input": "trained"}
    for path in default_run.run.directory.glob("results/*/*.nc"):
        start = page.index(f'id="{path.name.replace(".", "")}-{kinds[path.parent.name]}"')
        part = re.split("<h2", page[start:], maxsplit=1)[0]
        rows = dict(cells(row) for row in re.findall(r"<tr>(.*?<td.*?)</tr>", part, re.S))
        with xr.open_dataset(path) as file:
            assert rows.keys() == {str(name) for name in file.variables}
            for name, variable in file.variables.items():
                along, _, unit, meaning = rows[str(name)]
                assert along == ", ".join(map(str, variable.dims)), (path, name)
                assert unit == variable.attrs.get("units", "–"), (path, name)
                other = path.parent.name == "frobenius" and name in FROBENIUS  # which the page says above all
                assert (meaning != variable.attrs["long_name"]) == other, (path, name)


def test_the_command_line_reference_has_every_command(site):
    from ntk_core.cli import app

    text = words(site, "reference/cli.html")
    for command in app.registered_commands:
        assert f"Usage: ntk-core {command.callback.__name__.replace('_', '-')} " in text


@in_browser
def test_the_site_opens_from_disk_with_search_and_formulas(site):
    troubles: list[str] = []
    requests: list[str] = []
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1300, "height": 900})
        page.on("console", lambda m: troubles.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("pageerror", lambda error: troubles.append(str(error)))
        # A page that is left before its icon is there gives that up.
        given_up = "net::ERR_ABORTED"
        page.on("requestfailed", lambda r: troubles.append(r.url) if r.failure != given_up else None)
        page.on("request", lambda request: requests.append(request.url))
        page.goto((site / "index.html").as_uri())
        assert page.evaluate("document.querySelector('.md-content img').naturalWidth") > 300
        page.click("input.md-search__input")
        page.keyboard.type("Hoeffding")
        page.click(".md-search-result__item a >> text=mathematics")
        page.wait_for_selector("h1:has-text('The mathematics')")
        assert "/theory.html" in page.url
        boxes = page.evaluate(
            """[...document.querySelectorAll('.md-content math')].map(math => {
                const box = math.getBoundingClientRect();
                return [box.width, box.height];
            })"""
        )
        assert len(boxes) > 250
        assert min(map(min, boxes)) > 3
        assert "\\" not in page.inner_text(".md-content")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        for name in (
            "index",
            "tutorial",
            "theory",
            "notes",
            "reference/config",
            "reference/data",
            "reference/api/runs",
        ):
            page.set_viewport_size({"width": 360, "height": 740})
            page.goto((site / f"{name}.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
    assert troubles == []
    assert not [url for url in requests if not url.startswith(("file:", "data:", "blob:"))]
