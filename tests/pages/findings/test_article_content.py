"""The words, numbers and links of the article: every record whole, data escaped, errors named."""

from __future__ import annotations

import copy
import json
import os
import pickle
import re
import shutil
import subprocess
import sys
from itertools import pairwise

import pytest
from conftest import ROOT
from pydantic import ValidationError

from ntk_core.claims import LEDGER
from ntk_core.claims.record import Number, from_json
from ntk_core.execution import versions
from ntk_core.pages.findings.numbers import interval, tex, value
from ntk_core.pages.findings.plain_words import PLAIN_WORDS
from ntk_core.pages.findings.text import inline

from .article import NOTES, PROOFS, Reader, drawings, render


def words(markdown: str) -> list[str]:
    """The text of Markdown between its formulas and code, as it is typeset."""
    parts = re.split(r"\$\$.+?\$\$|\$.+?\$|`.+?`", markdown, flags=re.S)
    return [" ".join(part.replace("'", "’").split()) for part in parts if part.strip()]


def formulas(markdown: str) -> int:
    return len(re.findall(r"\$\$.+?\$\$|\$.+?\$", markdown, flags=re.S))


def texts(claim: dict) -> list[str]:
    """All Markdown of a record."""
    counterexample = claim["counterexample"] or {"text": "", "evidence": []}
    rows = claim["evidence"] + counterexample["evidence"]
    parts = [claim["title"], claim["statement"], claim["source"], counterexample["text"]]
    return [*parts, claim["corrected"] or "", *(row["what"] for row in rows)]


ANCHORS = {"L1.1": "claim-l1-1", "L4.Δ1": "claim-l4-delta1", "T1.rate": "claim-t1-rate"}


def test_every_word_formula_and_command_of_every_record_is_in_its_section(claims, reader):
    places = [place for place in reader.text if place.startswith("claim-")]
    assert len(places) == len(claims) == 14
    summaries = " ".join(reader.text["claims"].split())
    for claim, place in zip(claims, places, strict=True):
        assert ANCHORS.get(claim["id"], place) == place
        shown = " ".join(reader.text[place].split()) + summaries
        for text in texts(claim):
            for part in words(text):
                assert part in shown
        assert re.search(rf"{re.escape(claim['id'])} [^✓≪?✗]*[✓≪?✗] {claim['verdict']}", summaries)
        assert claim["command"] in reader.code[place]
        assert reader.formulas.get(place, 0) >= sum(map(formulas, texts(claim)[1:]))


def test_the_tab_has_the_title_of_the_page(page):
    assert re.findall("<title>(.*)</title>", page) == re.findall("<h1>(.*)</h1>", page)


def test_every_number_of_every_record_is_on_the_page(claims, page):
    for claim in claims:
        counterexample = claim["counterexample"] or {"parameters": {}, "evidence": []}
        for row in claim["evidence"] + counterexample["evidence"]:
            evidence = Number(**row)
            assert f'<td class="n">{value(evidence)}</td>' in page
            if row["upper"] is not None:
                assert f'<td class="n">{interval(evidence)}</td>' in page
        for given_value in counterexample["parameters"].values():
            assert f"{inline(f'${tex(given_value)}$')[18:-14]}" in page


def test_nothing_of_the_source_is_left_to_read(reader):
    for place, text in reader.text.items():
        assert "$" not in text, place
        assert not re.search(r"\\[A-Za-z]", text), place
        assert "**" not in text, place
    math = sum(reader.formulas.values())
    assert math > 300
    assert reader.formulas["proofs"] >= formulas(PROOFS)
    assert reader.formulas["notes"] >= formulas(NOTES)


def test_every_link_within_the_page_has_its_target(reader):
    ids = [a["id"] for _, a in reader.tags if "id" in a]
    assert len(ids) == len(set(ids))
    targets = {a["href"][1:] for tag, a in reader.tags if tag == "a" and a["href"].startswith("#")}
    assert targets <= set(ids)
    assert {"proof-the-band", "proof-random-directions-m-3-4", "claim-t1"} <= targets
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in targets)


def test_a_page_of_grids_leads_to_the_cells(reader):
    assert [a["href"] for tag, a in reader.tags if tag == "a"].count("explore.html") == 2
    pages = {a["href"] for tag, a in reader.tags if tag == "a" and a["href"].endswith((".md", ".html"))}
    assert pages <= {
        "explore.html",
        "report.html",
    }  # no page of the checkout, which is not beside the results


def test_links_to_other_pages_leave_their_words_and_brackets_stay():
    from ntk_core.pages.findings import _link

    assert _link("on $[0,1)$ [the data](reference/data.md#x) say", {}) == "on $[0,1)$ the data say"
    assert (
        _link("[$E[X]$](theory.md) [a](b.html)", {"theory.md": "proofs"}) == "[$E[X]$](#proofs) [a](b.html)"
    )


def with_spec(pair, **changes):
    """A pair of datasets as if of an experiment with these changes of its spec."""
    table, rates = pair
    spec = {**json.loads(table.attrs["spec"]), **changes}
    return table.assign_attrs(spec=json.dumps(spec)), rates


def test_the_data_that_an_experiment_kept_are_linked(claims, given):
    kept = [given["experiments"][0], with_spec(given["experiments"][1], keep="aggregates")]
    links = {a["href"] for a in Reader(render(claims, **{**given, "experiments": kept})).attributes("a")}
    assert {"check/runs.nc", "e/aggregates.nc", "explore.html"} <= links
    assert not {"check/aggregates.nc", "e/runs.nc"} & links


def test_an_article_of_another_ball_alone_has_no_link_to_the_explorable_page(given):
    table, rates = given["experiments"][1]
    laws = ["frobenius"]
    ball = [
        data.isel(perturbation=[0]).assign_coords(perturbation=laws).assign_attrs(data.attrs)
        for data in (table, rates)
    ]
    page = Reader(render([], **{**given, "experiments": [with_spec(ball, perturbation=laws)]}))
    assert "e/runs.nc" in {a.get("href") for a in page.attributes("a")}
    assert "explore.html" not in {a.get("href") for a in page.attributes("a")}


def test_figures_are_of_the_first_band_experiment_and_embedded_once(reader, shown):
    words = [a["aria-label"] for a in drawings(reader)]
    assert len(words) == len(set(words)) == len(shown)
    assert all(a["role"] == "img" and len(a["aria-label"]) > 40 for a in drawings(reader))
    assert reader.attributes("img") == []
    first = (
        "The rate: The mean linearization error falls as m^(−1/2) under adversarial, "
        "and its root mean square as m^(−3/4) under sphere,"
    )
    assert words[0].startswith(first)
    assert "Quantiles of the linearization error E against the width" in words[0]


def test_the_same_input_gives_the_same_bytes(page, claims, given, tmp_path):
    """In another order, and in another process, whose sets have another order."""
    turned = {**given, "figures": dict(reversed(given["figures"].items()))}
    assert render(copy.deepcopy(claims), **turned) == page
    (tmp_path / "input").write_bytes(pickle.dumps((from_json(json.dumps(claims)), given)))
    code = (
        "import pickle, sys; from pathlib import Path; from ntk_core.pages.findings import render\n"
        "claims, given = pickle.loads(Path(sys.argv[1]).read_bytes())\n"
        "Path(sys.argv[2]).write_text(render(claims, **given), encoding='utf-8')"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "input"), str(tmp_path / "page")]
    subprocess.run(command, env={**os.environ, "PYTHONHASHSEED": "7"}, check=True)
    assert (tmp_path / "page").read_text(encoding="utf-8") == page


def test_data_is_escaped(evil_page):
    reader = Reader(evil_page)
    assert [a.get("type") for a in reader.attributes("script")] == ["application/json", None]
    assert reader.attributes("img") == []
    assert not any(name.startswith("on") for _, a in reader.tags for name in a)
    assert "javascript:" not in [a.get("href", "")[:11] for _, a in reader.tags]
    assert "<script>document" in reader.text[next(p for p in reader.text if p.startswith("claim-"))]


def test_records_of_another_shape_are_refused(claims, given):
    for change in ({"verdict": "maybe"}, {"more": 1}, {"evidence": [{"what": "x"}]}):
        with pytest.raises(ValidationError):
            render([{**claims[0], **change}], **given)
    with pytest.raises(ValidationError, match="command"):
        render([{key: claims[0][key] for key in claims[0] if key != "command"}], **given)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"proof": "The moon"}, "L1.1: proof is 'The moon', but the headings are: .*The band"),
        ({"figures": ["moon"]}, "no experiment has a figure 'moon'; allowed: .*e-rate"),
        ({"id": "…"}, "id '…'"),
    ],
)
def test_what_is_not_there_is_named(claims, given, change, message):
    with pytest.raises(ValueError, match=message):
        render([{**claims[0], **change}], **given)


def test_two_ids_of_one_anchor_are_refused(claims, given):
    with pytest.raises(ValueError, match=r"id 'L1-1'"):
        render([{**claims[1], "id": "L1-1"}, claims[0]], **given)


def test_proofs_are_named_by_their_heading(claims, given):
    spellings = ["The band", "the band", "the-band"]
    records = [{**claims[i], "proof": proof} for i, proof in enumerate(spellings)]
    assert render(records, **given).count('Proof: <a href="#proof-the-band">') == len(spellings)


def test_every_claim_leads_to_its_place_in_the_notes(claims, page, reader):
    ids = {a["id"] for _, a in reader.tags if "id" in a}
    for claim in claims:
        anchor = f"notes-{claim['id'].lower().replace('.', '-').replace('δ', 'delta')}"
        assert anchor in ids
        assert f'<a href="#{anchor}">what the notes say</a>' in page
    assert '<a href="#proof-the-band">the band</a>' in page  # from the notes
    assert '<a href="#notes-h">H</a>' in page  # from the proofs
    assert not re.search(r"href=.[^#>]*(theory|notes)\.md", page)


@pytest.mark.parametrize("link", ["[x](notes.md#moon)", "[x](theory.md#moon)"])
def test_a_link_to_a_heading_that_is_not_there_is_named(claims, given, link):
    with pytest.raises(ValueError, match=r"\.md has no heading #moon"):
        render(claims, **{**given, "proofs": f"{PROOFS}\n{link}\n"})


@pytest.mark.parametrize("name", ["page.html.jinja", "article.css", "ladder.js", "text.py"])
def test_a_change_of_the_page_changes_the_digest_of_the_library(name, tmp_path, monkeypatch):
    folder = tmp_path / "findings"
    shutil.copytree(
        ROOT / "src/ntk_core/pages/findings", folder, ignore=shutil.ignore_patterns("__pycache__")
    )
    monkeypatch.setattr(versions, "__file__", str(tmp_path / "execution" / "versions.py"))
    before = versions.library_digest()
    with (folder / name).open("a") as file:
        file.write(" ")
    assert versions.library_digest() != before


def test_findings_import_neither_plots_nor_snakemake_nor_compiled_code():
    code = "import sys, ntk_core.pages.findings; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"snakemake", "seaborn", "matplotlib", "scipy.stats", "numba"}


def test_every_statement_is_in_plain_words_once(claims, reader):
    assert PLAIN_WORDS.keys() == LEDGER.keys()
    assert len(set(PLAIN_WORDS.values())) == len(PLAIN_WORDS)
    text = " ".join(reader.text["verdicts"].split())
    for claim in claims:
        assert f"{PLAIN_WORDS[claim['id']]} " in text


def test_the_verdicts_are_counted(reader):
    text = " ".join(reader.text["verdicts"].split())
    assert "10 of 14 statements hold as printed, 1 of them with room to spare. 3 are false as printed" in text
    assert "1 is undecided." in text


def test_headings_descend_by_one_and_landmarks_have_names(page, reader):
    levels = [int(level) for level in re.findall(r"<h([1-6])[ >]", page)]
    assert levels[:2] == [1, 2]
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    ids = {a["id"] for _, a in reader.tags if "id" in a}
    named = [*reader.attributes("section"), *reader.attributes("nav"), *reader.attributes("article")]
    assert all(a.get("aria-label") or a["aria-labelledby"] in ids for a in named)
    assert [tag for tag, _ in reader.tags if tag in {"header", "nav", "main"}] == ["header", "nav", "main"]


def test_statements_of_this_project_have_a_section_and_do_not_count_as_the_notes(claims, given, reader):
    """The opening and the verdicts on the notes are the same with and without them."""
    own = {**claims[0], "id": "N0", "source": "this project", "verdict": "supported", "counterexample": None}
    page = Reader(render([*claims, own], **given))
    assert page.text["answer"] == reader.text["answer"]
    assert page.text["verdicts"] == reader.text["verdicts"]
    assert "beyond" not in reader.text
    text = " ".join(page.text["beyond"].split())
    assert "N0" in text
    assert "≈ supported" in text
    assert {"href": "#claim-n0"} in page.attributes("a")
    assert "this project" in page.text["claim-n0"]
    assert "what the notes say" not in page.text["claim-n0"]


@pytest.mark.parametrize(
    ("verdict", "word"), [("supported", "Argument"), ("proved", "Proof"), ("false", "Proof")]
)
def test_what_is_no_proof_is_not_called_one(claims, given, verdict, word):
    page = render([{**claims[0], "verdict": verdict}], **given)
    assert re.findall(r"<p>(\w+): <a href=\"#proof-", page) == [word]


def test_it_is_made_again_from_a_config_in_a_new_folder_and_names_no_format_of_one_file(reader):
    """Formats differ between the files of drawn and of trained experiments."""
    assert "snakemake --cores all --configfile CONFIG.yaml --directory NEW_FOLDER" in reader.code["made"]
    versions = reader.text["made"].split("Versions")[1].split("Data, beside")[0]
    assert "NumPy" in versions
    assert "format" not in versions
