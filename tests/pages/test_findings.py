"""The article: every word and number of the records, formulas as MathML, and how it behaves in a browser."""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from html.parser import HTMLParser

import pytest
import trained
from browsing import in_browser, visits
from conftest import DELTA, EXPERIMENT, ROOT, X_NORM
from pydantic import ValidationError

from ntk_core.claims.answer import answer
from ntk_core.claims.record import Number, from_json
from ntk_core.execution import versions
from ntk_core.figures import drawable, save, training_drawable
from ntk_core.pages.findings import render as render_claims
from ntk_core.pages.findings.formula import FormulaError, mathml
from ntk_core.pages.findings.readable import interval, number, tex, times, value
from ntk_core.pages.findings.text import TextError, block, inline
from ntk_core.quantities import QUANTITIES

PLANNED = drawable({**EXPERIMENT.axes, "delta": DELTA, "x_norm": X_NORM}, QUANTITIES)
"""The figures of the experiment on the page: it has one d, so none against d."""

PROOFS = (ROOT / "docs/theory.md").read_text(encoding="utf-8")
NOTES = (ROOT / "docs/notes.md").read_text(encoding="utf-8")
VOID = {"meta", "link", "img", "input", "br", "hr", "mspace"}


def render(records, **given):
    """The page of records as they are in the file."""
    return render_claims(from_json(json.dumps(records)), **given)


@pytest.fixture(scope="module")
def claims():
    """Records written by hand, in the shape of results/claims.json."""
    return json.loads((ROOT / "tests/claims.json").read_text(encoding="utf-8"))


def named(dataset, name, sampler):
    """The dataset as if of another experiment."""
    spec = {**json.loads(dataset.attrs["spec"]), "name": name, "sampler": sampler}
    return dataset.assign_attrs(spec=json.dumps(spec, sort_keys=True))


@pytest.fixture(scope="module")
def given(analysed, tmp_path_factory):
    """All a page is made from but the claims: a dense experiment first, then one from the band."""
    _, table, rates = analysed
    folder = tmp_path_factory.mktemp("figures")
    for figure in PLANNED:
        save(figure, table, rates, [folder / f"e-{figure}.svg"])
    figures = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir())}
    figures |= {name.replace("e-", "check-"): "<svg/>" for name in figures}
    reports = sorted((ROOT / "workflow/report").glob("*.rst"))
    return {
        "experiments": [(named(table, "check", "dense"), rates), (table, rates)],
        "figures": figures,
        "captions": {path.stem: path.read_text(encoding="utf-8") for path in reports},
        "proofs": PROOFS,
        "notes": NOTES,
    }


@pytest.fixture(scope="module")
def shown(claims):
    """Names of the figures on the page, each shown once."""
    return {"rate"}.union(*(claim["figures"] for claim in claims)) & set(PLANNED)


@pytest.fixture(scope="module")
def page(claims, given):
    return render(claims, **given)


class Reader(HTMLParser):
    """Text and formulas of a page by the id of the innermost article or section; code and scripts apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[tuple[str, dict]] = []
        self.text: dict[str, str] = {}
        self.code: dict[str, str] = {}
        self.formulas: dict[str, int] = {}
        self.tags: list[tuple[str, dict]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    @property
    def place(self) -> str:
        parts = [a.get("id", "") for tag, a in self.open if tag in {"article", "section", "header"}]
        return parts[-1] if parts else ""

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append((tag, dict(attrs)))
        if tag == "math":
            self.formulas[self.place] = self.formulas.get(self.place, 0) + 1

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop()[0] == tag

    def handle_data(self, data):
        inside = {tag for tag, _ in self.open}
        if not inside & {"script", "style", "math"}:
            kept = self.code if "code" in inside else self.text
            kept[self.place] = kept.get(self.place, "") + data


@pytest.fixture(scope="module")
def reader(page):
    return Reader(page)


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
    for claim, place in zip(claims, places, strict=True):
        assert ANCHORS.get(claim["id"], place) == place
        shown = " ".join(reader.text[place].split())
        for text in texts(claim):
            for part in words(text):
                assert part in shown
        assert claim["id"] in shown
        assert claim["verdict"] in shown
        assert claim["command"] in reader.code[place]
        assert reader.formulas.get(place, 0) >= sum(map(formulas, texts(claim)))


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


def test_the_answer_counts_the_verdicts_and_names_the_false_ones(reader):
    lead = " ".join(reader.text["answer"].split())
    assert "10 of 14 statements hold as printed, 1 of them with room to spare. 3 are false as printed" in lead
    assert "1 is undecided." in lead
    links = [a["href"] for tag, a in reader.tags if tag == "a" and a["href"].startswith("#claim-")]
    assert links[:3] == ["#claim-l4-delta1", "#claim-l4-delta2", "#claim-a1"]


def test_without_false_statements_the_answer_says_none(claims, given):
    sound = [claim for claim in claims if claim["verdict"] == "true"]
    lead = " ".join(Reader(render(sound, **given)).text["answer"].split())
    assert lead.startswith("The answer 9 of 9 statements hold as printed. Of ")


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
    assert {"proof-the-band", "proof-random-directions-m-3-4", "figure-1"} <= targets
    assert all(re.fullmatch("[a-z0-9-]+", name) for name in ids)


def test_a_page_of_grids_leads_to_the_cells(reader):
    assert [a["href"] for tag, a in reader.tags if tag == "a"].count("explore.html") == 2


def test_figures_are_of_the_first_band_experiment_and_embedded_once(reader, shown):
    images = [a for tag, a in reader.tags if tag == "img"]
    assert len(images) == len({a["src"] for a in images}) == len(shown)
    assert all(a["src"].startswith("data:image/svg+xml;base64,") and len(a["src"]) > 1000 for a in images)
    assert all(len(a["alt"]) > 40 for a in images)
    first = (
        "The rate: The linearization error falls as m^(−1/2) under adversarial, and as m^(−3/4) under sphere,"
    )
    assert images[0]["alt"].startswith(first)
    assert "Quantiles of the linearization error E against the width" in images[0]["alt"]


def test_the_same_input_gives_the_same_bytes(page, claims, given):
    turned = {**given, "figures": dict(reversed(given["figures"].items()))}
    assert render(copy.deepcopy(claims), **turned) == page
    code = (
        "import sys; from ntk_core.pages.findings.text import block; print(block(open(sys.argv[1]).read()))"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-X", "utf8", "-c", code, str(ROOT / "docs/theory.md")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


EVIL = "<script>document.title='broken'</script><img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="module")
def evil_page(claims, given):
    claim = copy.deepcopy(claims[9])
    for key in ("id", "title", "statement", "source", "corrected", "command"):
        claim[key] = f"{claim[key]} {EVIL} ![x](https://example.org/x.png)"
    claim["statement"] += r" $\text{<script>document.title='broken'</script>}$ [x](javascript:alert(1))"
    claim["counterexample"]["parameters"] |= {EVIL: 1}
    claim["evidence"][0]["what"] += EVIL
    return render([claim], **given)


def test_data_is_escaped(evil_page):
    reader = Reader(evil_page)
    assert sum(tag == "script" for tag, _ in reader.tags) == 1
    assert all(a["src"].startswith("data:") for tag, a in reader.tags if tag == "img")
    assert not any(name.startswith("on") for _, a in reader.tags for name in a)
    assert "javascript:" not in [a.get("href", "")[:11] for _, a in reader.tags]
    assert "<script>document" in reader.text[next(p for p in reader.text if p.startswith("claim-"))]


@pytest.mark.parametrize(
    "latex",
    [
        r"\foo x",
        r"\frac{",
        "x_",
        r"\begin{gathered}a&b\\c\end{gathered}",
        r"\href{javascript:x}{y}",
        "a & b",
        r"\color{red}x",
        r"\operatorname*{arg\,max}_x",
        r"\left(x",
        r"\text{\foo}",
        r"\mathbb{+}",
    ],
)
def test_unknown_latex_is_an_error_that_names_the_formula(latex):
    with pytest.raises(FormulaError) as error:
        block(f"A statement with ${latex}$ in it.")
    assert f"${latex}$" in str(error.value)


@pytest.mark.parametrize(
    "text", ["costs 5$", r"an \alpha outside", "**bold** and $x^2", r"a list\n- \frac12"]
)
def test_source_left_over_in_text_is_an_error(text):
    with pytest.raises(TextError, match="outside a formula"):
        block(text)


@pytest.mark.parametrize(
    ("latex", "display", "part"),
    [
        (r"\mathbb P", False, "<mi>ℙ</mi>"),
        (r"\mathbf{x}", False, "𝐱"),
        (r"\Delta_1", False, '<mi mathvariant="normal">Δ</mi>'),
        (r"\|x\|", False, 'lspace="0" rspace="0">‖</mo>'),
        (r"a=-b", False, '<mo form="prefix" lspace="0" rspace="0">−</mo>'),
        (r"|a|-|b|", False, "<mo>−</mo>"),
        (r"\big||a|-|b|\big|", False, "<mo>−</mo>"),
        (r"\big(a\big)^2", False, 'form="postfix">)</mo></mrow><mn>2</mn></msup>'),
        (r"\sup_u E", True, '<munder><mo lspace="0" rspace="0.167em">sup</mo>'),
        (r"\displaystyle\sup_u E", False, "<munder>"),
        (r"\sup_u E", False, "<msub>"),
        (r"\operatorname{sign}(a)", False, 'rspace="0">sign</mo>'),
        ("T'=1", False, '<mrow><mi>T</mi><mo lspace="0" rspace="0">′</mo></mrow>'),
        (r"x\!y", False, 'width="-0.167em"'),
        (r"z\sim N", False, ">∼</mo>"),
        (r"\Big\{x\Big\}", False, ">{</mo>"),
        (r"\begin{aligned}a&=b\\&=c\end{aligned}", True, "<mtable"),
        (r"\text{a<b&c}", False, "a&lt;b&amp;c"),
    ],
)
def test_formulas_become_what_browsers_draw(latex, display, part):
    math = mathml(latex, display=display)
    assert part in math
    assert math.startswith('<math display="block">' if display else "<math>")


def test_long_formulas_break_after_relations_outside_brackets_only():
    math = mathml(r"\{i:a=b\}=E,|\Delta_1|,|\Delta_2|\le\frac1{\sqrt m}(r\|x\|=3)+1234567890")
    pieces = [re.sub("<.*?>", "", piece) for piece in math.split("</math>")[:-1]]
    assert pieces == ["{i:a=b}=", "E,", "|Δ1|,", "|Δ2|≤", "1m(r‖x‖=3)+1234567890"]
    assert mathml("a=b").count("<math") == 1
    far = mathml(r"F(x;w,c)+\nabla F(x;w(0),c)^\top(w-w(0))+\big|1-2\big|-3")
    assert [re.sub("<.*?>", "", piece) for piece in far.split("</math>")[:-1]] == [
        "F(x;w,c)+∇F(x;w(0),c)⊤(w−w(0))+",
        "|1−2|−3",
    ]


def test_a_comma_is_never_torn_from_its_formula():
    assert inline("Of $x$, and") == (
        'Of <span class="whole"><math><mrow><mi>x</mi></mrow></math>,</span> and'
    )


@pytest.mark.parametrize(
    ("given_number", "decimals", "shown"),
    [
        (995328, None, "995,328"),
        (0, None, "0"),
        (0.0951, None, "0.0951"),
        (95.1342, None, "95.13"),
        (-0.25, None, "−0.25"),
        (-0.25, 4, "−0.2500"),
        (4.1e-16, None, "4.1 × 10<sup>−16</sup>"),
        (1e-9, None, "10<sup>−9</sup>"),
        (0.99996, None, "1 − 4 × 10<sup>−5</sup>"),
        (0.999999999, None, "1 − 10<sup>−9</sup>"),
        (999999.9, None, "10<sup>6</sup>"),
        (1234567.8, None, "1.235 × 10<sup>6</sup>"),
        (-3e-4, 4, "−0.0003"),
        (3.21e-9, 11, "3.21 × 10<sup>−9</sup>"),
        (float("inf"), None, "∞"),
        (float("nan"), None, "—"),
    ],
)
def test_numbers_read_well(given_number, decimals, shown):
    assert str(number(given_number, decimals)) == shown


def test_digits_follow_the_interval():
    evidence = Number(what="", value=-0.499712, lower=-0.50041, upper=-0.49901)
    assert (value(evidence), interval(evidence)) == ("−0.4997", "[−0.5004, −0.4990]")
    assert interval(Number(what="", value=0, upper=1e-4)) == "≤ 10<sup>−4</sup>"
    assert interval(Number(what="", value=1, lower=0.5)) == "≥ 0.5"
    assert interval(Number(what="", value=1)) == ""


@pytest.mark.parametrize(
    ("exact", "latex"),
    [
        (2, "2"),
        (1024, "1024"),
        (2**20, "2^{20}"),
        (1e4, "10^{4}"),
        (0.001, "0.001"),
        (1e-5, "10^{-5}"),
        (2.5e-7, r"2.5\times10^{-7}"),
        (123456, "123456"),
    ],
)
def test_given_numbers_keep_all_their_digits(exact, latex):
    assert tex(exact) == latex


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
    with pytest.raises(ValueError, match=r"id 'L1-1'"):
        render([{**claims[1], "id": "L1-1"}, claims[0]], **given)


@pytest.mark.parametrize("proof", ["The band", "the-band", "docs/theory.md#the-band", "#The band"])
def test_proofs_are_named_by_heading_or_anchor(claims, given, proof):
    assert 'Proof: <a href="#proof-the-band">' in render([{**claims[0], "proof": proof}], **given)


def test_every_claim_leads_to_its_place_in_the_notes(claims, page, reader):
    ids = {a["id"] for _, a in reader.tags if "id" in a}
    for claim in claims:
        anchor = f"notes-{claim['id'].lower().replace('.', '-').replace('δ', 'delta')}"
        assert anchor in ids
        assert f'<a href="#{anchor}">as the notes have it</a>' in page
    assert '<a href="#proof-the-band">the band</a>' in page  # from the notes
    assert '<a href="#notes-h">H</a>' in page  # from the proofs
    assert not re.search(r"href=.[^#>]*(theory|notes)\.md", page)


@pytest.mark.parametrize("link", ["[x](notes.md#moon)", "[x](theory.md#moon)"])
def test_a_link_to_a_heading_that_is_not_there_is_named(claims, given, link):
    with pytest.raises(ValueError, match=r"\.md has no heading #moon"):
        render(claims, **{**given, "proofs": f"{PROOFS}\n{link}\n"})


def test_the_wheel_holds_the_page(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {f"ntk_core/pages/findings/page.{end}" for end in ("html.jinja", "css", "js")} <= set(names)


@pytest.mark.parametrize("name", ["page.html.jinja", "page.css", "page.js", "text.py"])
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


def test_findings_import_neither_plots_nor_snakemake():
    code = "import sys, ntk_core.pages.findings; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"snakemake", "seaborn", "matplotlib", "scipy.stats"}


# Trained experiments


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """Quantiles and rates of trained experiments, by name."""
    return trained.made(tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
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


def test_training_has_its_section_with_every_number(claims, with_training, learned):
    page = render(claims, **with_training("usual"))
    reader = Reader(page)
    text = " ".join(reader.text["training"].split())
    found = answer(*learned["usual"])
    assert "Does training stay in the ball? The theorem speaks of weights" in text
    assert "usual: digit 3 against digit 8, squared loss Yes. At " in " ".join(
        re.sub("<.*?>", "", page).split()
    )
    assert f"({number(found.least)} to {number(found.largest)} over the runs)" in text
    assert f"it stays below {number(found.limit_ceiling)}" in text
    assert "No run is over the bound of Theorem 1 at" in text
    assert "times what it bounds" not in text  # four runs a width have no upper limit on a quantile
    assert "Interval, 99 % (undecided: 4 runs a cell; at least 24 are needed)" in text
    assert f"is {times(found.position['adversarial'])} that of the worst displacement," in text
    assert f"{times(found.position['sphere'])} that of a random one, all of the same radius." in text
    assert "in theory it tends to −0.75. All 12 runs took 8 steps." in text
    cells = re.findall(r'<td class="n">(.*?)</td>', page)
    shown = ("test_loss", "twin_test_loss", "twin_distance", "flipped_fraction", "flipped_neurons")
    measured = (found.radius, found.displacement, found.rate, found.constant)
    for estimate in (*measured, *(found.numbers[name] for name in shown)):
        assert cells[cells.index(str(value(Number("", estimate.value)))) + 1] == ""
    for exact in (found.ceiling, found.limit_ceiling, found.constant_limit, found.last_rate):
        assert str(number(exact)) in cells
    images = [a["alt"].partition(":")[0] for tag, a in reader.tags if tag == "img"]
    assert images[1:6] == [
        "The radius",
        "The rate of training",
        "Where training stands",
        "The twin",
        "The flips",
    ]
    links = [a["href"] for tag, a in reader.tags if tag == "a"]
    assert "#training" in links
    assert {f"usual/{kind}.nc" for kind in ("runs", "quantiles", "rates")} <= set(links)
    assert "digits" in reader.text["made"]


def test_without_training_the_section_is_absent(page):
    assert 'id="training"' not in page
    assert "#training" not in page
    assert "Does training stay" not in page
    assert "The trained experiments" not in page


@pytest.mark.parametrize("names", [["usual"], list(trained.EXPERIMENTS)])
def test_a_page_without_a_grid(claims, with_training, learned, names):
    """Figures of grids that claims name are left out; all else is there."""
    given = with_training(*names)
    of_trained = {key: svg for key, svg in given["figures"].items() if key.rpartition("-")[0] in names}
    page = render(claims, **{**given, "experiments": [], "figures": of_trained})
    reader = Reader(page)
    assert "runs of the experiment" not in reader.text["answer"]
    assert reader.text["answer"].split()[:5] == ["The", "answer", "10", "of", "14"]
    assert 'id="rates-caption"' not in page
    assert "explore.html" not in page
    assert len([tag for tag, _ in reader.tags if tag == "img"]) == len(of_trained)
    ids = [a["id"] for _, a in reader.tags if "id" in a]
    assert len(ids) == len(set(ids))
    assert {a["href"][1:] for tag, a in reader.tags if tag == "a" and a["href"][0] == "#"} <= set(ids)
    for name in names:
        assert answer(*learned[name]).ended in " ".join(reader.text["training"].split())
        assert f'href="{name}/quantiles.nc"' in page
    assert not re.search(r"\bnan\b|\bNone\b|—", reader.text["training"])


def test_training_that_failed_is_not_called_a_success(claims, with_training, learned):
    text = Reader(render(claims, **with_training("diverged", "at-once"))).text["training"]
    assert "Yes." not in text
    assert "Only while it does not diverge." in text
    assert "No answer here: no run was left after the first step recorded." in text
    table, rates = learned["usual"]
    over = table["runs_exceeding"] + 1
    given = {**with_training("usual"), "trainings": [(table.assign(runs_exceeding=over), rates)]}
    assert "3 runs are over the bound of Theorem 1 at one" in Reader(render(claims, **given)).text["training"]


def test_figures_of_training_that_claims_name_are_shown_where_there_are_any(claims, given, with_training):
    claim = {**claims[0], "figures": ["standing"]}
    assert "See <a" in render([claim], **with_training("usual"))
    assert "Where training stands" not in render([claim], **given)


# In a browser


@pytest.fixture
def visit(browser, page, tmp_path):
    """Opens a page from disk with no network; at the end nothing must have gone wrong or been asked for."""
    requests: list[str] = []
    with visits(browser, page, tmp_path / "findings.html", requests) as visit:
        yield visit
    assert requests
    assert all(url.startswith(("file:", "data:")) for url in requests)


def ids(tab) -> list[str]:
    """Ids of the rows one can see, from top to bottom."""
    return tab.locator("#verdict-table tbody tr:visible td.id").all_inner_texts()


@in_browser
def test_every_image_and_formula_can_be_seen(visit, shown):
    tab = visit(viewport={"width": 1200, "height": 900})
    images = tab.locator("img")
    assert images.count() == len(shown)
    for image in images.all():
        image.scroll_into_view_if_needed()
        assert image.is_visible()
        assert image.evaluate("image => image.complete && image.naturalWidth") > 300
        assert image.bounding_box()["width"] > 600
    small = tab.evaluate(
        """() => [...document.querySelectorAll("math")].filter(math => {
            const box = math.getBoundingClientRect();
            return box.width < 3 || box.height < 3 || math.querySelector("merror");
        }).map(math => math.textContent)"""
    )
    assert small == []


@in_browser
def test_headers_sort_both_ways(visit, claims):
    tab = visit()
    order = [claim["id"] for claim in claims]
    assert ids(tab) == order
    verdict = tab.locator("th", has_text="Verdict")
    verdict.locator("button").click()
    assert verdict.get_attribute("aria-sort") == "ascending"
    sequence = ["true", "true, loose", "undecided", "false"]
    by_verdict = [c["id"] for c in sorted(claims, key=lambda c: sequence.index(c["verdict"]))]
    assert ids(tab) == by_verdict
    verdict.locator("button").click()
    assert verdict.get_attribute("aria-sort") == "descending"
    assert ids(tab) == by_verdict[::-1]
    name = tab.locator("th", has_text="Id")
    name.locator("button").focus()
    tab.keyboard.press("Enter")
    assert ids(tab) == order
    assert tab.locator("th[aria-sort]").count() == 1
    tab.keyboard.press("Space")
    assert ids(tab) == order[::-1]


@in_browser
def test_key_numbers_sort_as_numbers(visit, claims):
    tab = visit()
    tab.locator("th button", has_text="Key number").click()
    keys = {c["id"]: (c["counterexample"] or c)["evidence"][0]["value"] for c in claims}
    values = [keys[name] for name in ids(tab)]
    assert values == sorted(values)


@in_browser
def test_filters_hide_rows(visit, claims):
    tab = visit()
    tab.fill("#query", "lemma 4")
    assert ids(tab) == ["L4.Δ1", "L4.Δ2", "A1", "AC", "H"]
    tab.click("button[data-verdict=false]")
    assert ids(tab) == ["L4.Δ1", "L4.Δ2", "A1"]
    assert tab.inner_text("#count") == "3 of 14 shown"
    assert tab.get_attribute("button[data-verdict=false]", "aria-pressed") == "true"
    tab.fill("#query", "nothing of the kind")
    assert ids(tab) == []
    assert tab.is_visible("#none")
    tab.fill("#query", "")
    tab.click("button[data-verdict='']")
    assert len(ids(tab)) == len(claims)
    assert not tab.is_visible("#none")


@in_browser
def test_rows_lead_to_their_sections_and_commands_copy(visit):
    tab = visit()
    tab.click("#verdict-table a:text-is('L4.Δ1')")
    assert tab.evaluate("decodeURIComponent(location.hash)") == "#claim-l4-delta1"
    article = tab.locator("#claim-l4-delta1")
    assert 0 <= article.bounding_box()["y"] < 100
    article.locator("button.copy").click()
    article.locator("button.copy", has_text=re.compile("Copied|Selected")).wait_for()


@in_browser
@pytest.mark.parametrize("width", [320, 390, 800])
def test_no_page_is_wider_than_the_screen(visit, width):
    tab = visit(viewport={"width": width, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.evaluate("document.body.scrollWidth") <= width
    cut = tab.evaluate(
        """width => [...document.querySelectorAll("body *")]
            .filter(element => element.getBoundingClientRect().right > width + 1)
            .filter(element => !element.closest(".scroll, .card, .formula, pre, p, ul"))
            .map(element => element.outerHTML.slice(0, 99))""",
        width,
    )
    assert cut == []


@in_browser
def test_a_page_with_training_fits_a_phone_too(visit, claims, with_training):
    tab = visit(render(claims, **with_training(*trained.EXPERIMENTS)), viewport={"width": 390, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.evaluate("document.body.scrollWidth") <= 390


@in_browser
def test_an_endless_formula_scrolls_by_itself_on_a_phone(visit, claims, given):
    endless = {**claims[0], "statement": f"On $({'x+' * 60}x)$ and $${'x+' * 60}x$$ end."}
    tab = visit(render([endless], **given), viewport={"width": 390, "height": 844})
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


@in_browser
def test_it_prints(visit, shown):
    tab = visit()
    assert tab.is_visible("#tools")
    tab.emulate_media(media="print")
    assert tab.locator(":is(button, input, nav):visible:not(th button)").count() == 0
    arrows = "[...document.querySelectorAll('th button')].map(b => getComputedStyle(b, '::after').content)"
    assert set(tab.evaluate(arrows)) == {"none"}  # of the headers only the words are left
    assert tab.locator("img:visible").count() == len(shown)
    pdf = tab.pdf(prefer_css_page_size=True)
    assert pdf.startswith(b"%PDF")
    assert len(pdf) > 100_000


@in_browser
def test_without_javascript_all_is_there_and_no_dead_buttons(visit, claims):
    tab = visit(java_script_enabled=False)
    assert ids(tab) == [claim["id"] for claim in claims]
    assert tab.locator("button:visible, input:visible").count() == 0
    assert tab.locator("article:visible").count() == len(claims)


@in_browser
def test_figures_stay_on_white_in_the_dark(visit):
    tab = visit(color_scheme="dark")
    colour = "selector => getComputedStyle(document.querySelector(selector)).backgroundColor"
    assert tab.evaluate(colour, ".card") == "rgb(255, 255, 255)"
    assert max(map(int, re.findall(r"\d+", tab.evaluate(colour, "body")))) < 60


@in_browser
def test_what_is_in_the_data_is_never_run(visit, evil_page):
    tab = visit(evil_page)
    assert tab.title() != "broken"
    assert "<script>document.title='broken'</script>" in tab.inner_text("article .command")
