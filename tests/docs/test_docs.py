"""The pages: every command they show is run, the site is built strictly, and it opens from disk.

How a block says that it is not run, or not in full, is in CONTRIBUTING.md, "Commands in the pages are tests".
"""

from __future__ import annotations

import contextlib
import html
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import command_line
import jsonschema
import pytest
import yaml
from browsing import chromium, in_browser
from conftest import ROOT
from snakemake_calls import Call

from ntk_core.storage.metadata import FROBENIUS

PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "config/README.md",
        *ROOT.glob("docs/**/*.md"),
    ]
)
RUN = {"sh", "console", "python"}
REASONS = {"needs a cluster", "needs the network", "takes minutes", "is what CI itself runs"}
"""Why a block may be left out."""

CHECKOUT = {
    "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "Snakefile", "benchmarks", "config", "docs",
    "profiles", "pyproject.toml", "requirements.lock", "src", "tests", "tools", "workflow",
}  # fmt: skip
"""What the pages' commands may find beside them."""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page, with the comment right before it and the block right after it."""

    page: str
    line: int
    comment: str
    language: str
    text: str
    after: Block | None = None

    @property
    def file(self) -> str | None:
        """The file it is the text of, if its first line says so."""
        match = re.match(r"# ([\w.-]+)$", self.text.split("\n", 1)[0])
        return match[1] if match and self.language in {"yaml", "python"} else None


_FENCE = re.compile(
    r"(?:^<!-- (?P<comment>[^\n]*) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$\n?(?P<gap>\n?)",
    re.M | re.S,
)


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    reversed_blocks: list[Block] = []
    end = len(text) + 1
    for match in reversed(list(_FENCE.finditer(text))):
        after = reversed_blocks[-1] if reversed_blocks and match.end() == end else None
        line = text.count("\n", 0, match.start("text"))
        reversed_blocks.append(
            Block(page, line, match["comment"] or "", match["language"], match["text"], after)
        )
        end = match.start()
    return reversed_blocks[::-1]


ALL = {page: blocks(page) for page in PAGES}
EVERY = [block for page_blocks in ALL.values() for block in page_blocks]


def test_blocks_are_found_as_they_are_marked():
    """Every fence of a language that is run is a block, and so is none of another name for the same."""
    for page, page_blocks in ALL.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        assert len(page_blocks) == len(re.findall(r"^```", text, re.M)) / 2, page
        assert not {block.language for block in page_blocks} & {"bash", "shell", "py", "pycon", "yml"}, page
        marked = re.findall(r"^<!-- (?:not run|run dry).*-->$", text, re.M)
        assert len(marked) == sum(bool(block.comment) for block in page_blocks), page


def test_what_is_not_run_has_a_reason_from_the_list():
    for block in EVERY:
        if block.comment:
            kind, _, reason = block.comment.partition(": ")
            assert kind in {"not run", "run dry"}, block
            assert reason in REASONS, block
            assert block.language in RUN, block
            if kind == "run dry":
                assert (
                    block.text.splitlines()[-1].strip().startswith(("snakemake ", ".venv/bin/snakemake "))
                ), block


@pytest.fixture(scope="module")
def checkout(default_run, tmp_path_factory) -> Path:
    """A folder like a checkout in which the default run is done."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in CHECKOUT:
        (folder / name).symlink_to(ROOT / name)
    (folder / "docs").unlink()
    shutil.copytree(ROOT / "docs", folder / "docs")
    (folder / ".venv").symlink_to(sys.prefix)
    shutil.copytree(default_run.run.directory / "results", folder / "results")
    return folder


def environment() -> dict[str, str]:
    """Programs from this environment, the library from this checkout, nothing of the test that calls."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return inherited | {
        "PATH": path,
        "PYTHONPATH": str(ROOT / "src"),
        "PYTHONIOENCODING": "utf-8",
        "COLUMNS": "200",
    }


def called(text: str, folder: Path, fork: bool = True) -> str:
    """What a shell prints that runs these lines.

    Faster than a new process: at their end, a call of snakemake is forked, and one of ntk-core is made here.
    """
    *lines, last = re.split(r"(?<!\\)\n", text.rstrip())
    arguments = shlex.split(last.replace("\\\n", ""), comments=True)
    program = Path(arguments[0]).name
    if not fork or program not in ("snakemake", "ntk-core") or set("|<>;&$*") & set(last):
        return printed_by(["bash", "-euo", "pipefail", "-c", text], folder)
    before = printed_by(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], folder) if lines else ""
    if program == "ntk-core":
        with contextlib.chdir(folder):
            code, output = command_line.call(*arguments[1:])
    else:
        call = Call(arguments[1:], folder, environment())
        output, _ = call.communicate()
        code = call.wait()
    assert code == 0, f"{last}\n{output}"
    return before + output


def printed_by(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}"
    return done.stdout


def compare(shown: str, printed: str) -> None:
    """Line by line, where `…` is anything."""
    pattern = re.escape(shown.strip()).replace("…", ".*")
    assert re.fullmatch(pattern, printed.strip()), f"shown:\n{shown}\nprinted:\n{printed}"


def steps(text: str) -> list[tuple[str, str]]:
    """Commands of a console block with their output."""
    parts = re.split(r"^\$ (.*)\n", text, flags=re.M)
    assert parts[0] == "", "a console block begins with a command"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def test_the_python_of_the_readme_is_all_that_it_has_to_run():
    """And test_readme.py runs it."""
    (block,) = [b for b in ALL["README.md"] if b.language in RUN and not b.comment.startswith("not run")]
    assert block.language == "python"


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page != "README.md" and any(block.language in RUN for block in ALL[page])],
)
def test_commands_of_a_page_do_what_it_says(page, checkout):
    fork = page != "config/README.md"  # one page calls snakemake as a user does
    for block in ALL[page]:
        if block.file:
            (checkout / block.file).write_text(block.text, encoding="utf-8")
        if block.language not in RUN or block.comment.startswith("not run"):
            continue
        if block.language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.chdir(checkout):
                exec(compile(block.text, f"{page}:{block.line}", "exec"), {})  # as fast as a process is not
            if block.after and block.after.language == "text":
                compare(block.after.text, printed.getvalue())
        elif block.language == "console":
            for command, shown in steps(block.text):
                compare(shown, called(command, checkout, fork))
        else:
            dry = " --dry-run" if block.comment.startswith("run dry") else ""
            called(block.text.rstrip() + dry, checkout, fork)


def test_make_targets_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for page in PAGES:
        for target in re.findall(r"(?:`|^)make ([a-z-]+)\b", (ROOT / page).read_text(encoding="utf-8"), re.M):
            assert re.search(rf"^{target}:", makefile, re.M), (page, target)


TESTS_NAMED = [
    (page, path, re.findall(r"\w+", expression))
    for page in [*PAGES, "SECURITY.md"]
    for path, expression in re.findall(
        r"(tests/\w+/test_\w+\.py)(?: -k (\w+|\"[^\"]*\"))?", (ROOT / page).read_text(encoding="utf-8")
    )
]


def test_tests_that_are_named_exist():
    """Each word after `-k` is in the name of a test of that file, or is one of its parameters."""
    assert len(TESTS_NAMED) > 40
    for page, path, words in TESTS_NAMED:
        text = (ROOT / path).read_text(encoding="utf-8")
        names = " ".join(re.findall(r"^def (test_\w+)", text, re.M))
        for word in set(words) - {"and", "or"}:
            assert word in names or re.search(rf'"[\w ]*{word}[\w ]*"', text), (page, path, word)


CONFIGS = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.glob("config/**/*.yaml"))
IN_PAGES = [block for block in EVERY if block.file and "experiments:" in block.text]


@pytest.mark.parametrize("path", CONFIGS)
def test_every_config_names_the_schema_it_fits(path):
    check_schema((ROOT / path).read_text(encoding="utf-8"), (ROOT / path).parent)


@pytest.mark.parametrize("block", IN_PAGES, ids=lambda block: f"{block.page}:{block.file}")
def test_every_config_of_a_page_names_the_schema_it_fits(block):
    check_schema(block.text, ROOT)


def check_schema(text: str, folder: Path) -> None:
    (schema,) = re.findall(r"^# yaml-language-server: \$schema=(\S+)$", text, re.M)
    path = (folder / schema).resolve()
    assert path == ROOT / "workflow/schemas/config.schema.json"
    jsonschema.validate(yaml.safe_load(text), json.loads(path.read_text(encoding="utf-8")))


def test_the_notes_have_every_statement_of_the_ledger_word_for_word_under_its_id():
    from ntk_core.claims.statements import STATEMENTS

    text = (ROOT / "docs/notes.md").read_text(encoding="utf-8")
    headings = re.findall(r"^#+ (.*)$", text, re.M)
    parts = re.split(r"^#+ .*$", text, flags=re.M)[1:]
    assert sorted(heading for heading in headings if heading in STATEMENTS) == sorted(STATEMENTS)
    for heading, part in zip(headings, parts, strict=True):
        boxes = [line.removeprefix("> ") for line in part.splitlines() if line.startswith(">")]
        assert boxes == ([STATEMENTS[heading].statement] if heading in STATEMENTS else []), heading


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
