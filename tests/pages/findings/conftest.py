"""One page, made once, and a browser on it without a network."""

from __future__ import annotations

import copy
import json

import pytest
import trained
from browsing import visits
from conftest import ROOT, once

from ntk_core.figures import save, training_drawable

from .article import NOTES, PLANNED, PROOFS, Reader, render


@pytest.fixture(scope="session")
def claims():
    """Records written by hand, in the shape of results/claims.json."""
    return json.loads((ROOT / "tests/claims.json").read_text(encoding="utf-8"))


def named(dataset, name, sampler):
    """The dataset as if of another experiment."""
    spec = {**json.loads(dataset.attrs["spec"]), "name": name, "sampler": sampler}
    return dataset.assign_attrs(spec=json.dumps(spec, sort_keys=True))


@pytest.fixture(scope="session")
def given(analysed, tmp_path_factory):
    """All a page is made from but the claims: a dense experiment first, then one from the band."""
    _, table, rates = analysed

    def drawn(folder):
        folder.mkdir()
        for figure in PLANNED:
            save(figure, table, rates, [folder / f"e-{figure}.svg"])
        return {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}

    figures = once(tmp_path_factory, "article-figures", drawn)
    figures |= {name.replace("e-", "check-"): "<svg/>" for name in figures}
    reports = sorted((ROOT / "workflow/report").glob("*.rst"))
    return {
        "experiments": [(named(table, "check", "dense"), rates), (table, rates)],
        "figures": figures,
        "captions": {path.stem: path.read_text(encoding="utf-8") for path in reports},
        "proofs": PROOFS,
        "notes": NOTES,
    }


@pytest.fixture(scope="session")
def shown(claims):
    """Names of the figures on the page, each shown once."""
    return {"rate"}.union(*(claim["figures"] for claim in claims)) & set(PLANNED)


@pytest.fixture(scope="session")
def page(claims, given, tmp_path_factory):
    return once(tmp_path_factory, "article", lambda _: render(claims, **given))


@pytest.fixture(scope="session")
def reader(page):
    return Reader(page)


EVIL = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="session")
def evil_page(claims, given):
    claim = copy.deepcopy(claims[9])
    for key in ("id", "title", "statement", "source", "corrected", "command"):
        claim[key] = f"{claim[key]} {EVIL} ![x](https://example.org/x.png)"
    claim["statement"] += r" $\text{<script>document.title='broken'</script>}$ [x](javascript:alert(1))"
    claim["evidence"][0]["what"] += EVIL
    return render([claim], **given)


@pytest.fixture(scope="session")
def learned(tmp_path_factory):
    """Quantiles and rates of trained experiments, by name."""
    return trained.made(tmp_path_factory)


@pytest.fixture(scope="session")
def with_training(given, learned):
    """All a page is made from where there are grids and trained experiments; their figures are empty."""

    def choose(*names):
        figures = {
            f"{name}-{figure}": f"<svg id='{name}-{figure}'/>"
            for name in names
            for figure in training_drawable(trained.EXPERIMENTS[name].axes)
        }
        return {
            **given,
            "figures": given["figures"] | figures,
            "trainings": [learned[name] for name in names],
        }

    return choose


@pytest.fixture
def visit(browser, page, tmp_path):
    """Opens a page from disk with no network; at the end nothing must have gone wrong or been asked for."""
    requests: list[str] = []
    with visits(browser, page, tmp_path / "findings.html", requests) as visit:
        yield visit
    assert requests
    assert all(url.startswith(("file:", "data:")) for url in requests)
