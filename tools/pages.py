"""What `mkdocs` does not do by itself: pages beside docs/, links to them, and formulas as MathML.

A hook of mkdocs.yml. The sources are Markdown as a code host shows it: links go from file to file of the
repository, formulas are LaTeX between dollars. On the site docs/ is the root, files beside it have the path
they have in the repository, and the README is the first page.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import AnchorLink
from pymdownx.slugs import slugify

from ntk_core.pages.findings.formula import mathml

ROOT = Path(__file__).parents[1]

START = {"README.md": "index.md"}
"""The page of the repository that the site begins with."""

BESIDE = (
    "config/README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "benchmarks/README.md",
    "benchmarks/results/*.md",
    "benchmarks/results/*.png",
)
"""Files outside docs/ that are part of the site."""

SHOWN = ("config/*.yaml", "config/examples/*.yaml", "profiles/*/config.yaml")
"""Files that get a page with their text."""

NAMED = {"requirements.lock"}
"""Files that are linked, and only named on the site."""

_CODE = r"(?P<code>^(?P<fence>```+|~~~+).*?^(?P=fence)|(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
_MATH = re.compile(
    _CODE + r"|\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$\n]+?)\$(?P<after>[,.;:!?)\]]*)", re.M | re.S
)
_LINK = re.compile(_CODE + r"|(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)\s]+)\)", re.M | re.S)
_HEADING = re.compile(_CODE + r"|^#+ (?P<heading>[^\n]*\$[^\n]*)$", re.M | re.S)
_TOKEN = "ntkformula{}x"


def beside() -> dict[str, str]:
    """Where on the site the files are that lie outside docs/, by their path in the repository."""
    pages = START | {path: path for pattern in BESIDE for path in _paths(pattern)}
    return pages | {path: f"{path}.md" for pattern in SHOWN for path in _paths(pattern)}


def _paths(pattern: str) -> Iterator[str]:
    return (path.relative_to(ROOT).as_posix() for path in sorted(ROOT.glob(pattern)))


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what lies beside docs/."""
    for path, uri in beside().items():
        if uri == f"{path}.md":
            text = (ROOT / path).read_text(encoding="utf-8")
            files.append(File.generated(config, uri, content=f"# {path}\n\n```yaml\n{text}```\n"))
        else:
            files.append(File.generated(config, uri, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files of the repository into links of the site, and formulas into tokens."""
    elsewhere = beside()
    here = page.file.src_uri
    source = {uri: path for path, uri in elsewhere.items()}.get(here, f"docs/{here}")
    markdown = _LINK.sub(_linker(source, here, elsewhere), markdown)
    markdown = _HEADING.sub(_anchored, markdown)
    formulas: list[str] = []
    page.meta["formulas"] = formulas

    def token(match: re.Match[str]) -> str:
        if match["code"]:
            return match[0]
        formulas.append(_formula(match))
        return _TOKEN.format(len(formulas) - 1)

    return _MATH.sub(token, markdown)


def _anchored(match: re.Match[str]) -> str:
    """A heading with formulas, with the anchor that a code host gives it."""
    if match["code"]:
        return match[0]
    return f"{match[0]} {{#{slugify(case='lower')(_plain(match['heading']), '-')}}}"


def _plain(heading: str) -> str:
    """The heading as a code host makes an anchor of it: without what is no letter or digit."""
    return re.sub(r"[^\w\s-]", "", heading)


def _linker(source: str, here: str, elsewhere: dict[str, str]) -> Callable[[re.Match[str]], str]:
    def link(match: re.Match[str]) -> str:
        if match["code"] or re.match(r"[a-z]+:|#|/", match["target"]):
            return match[0]
        path, hash_, anchor = match["target"].partition("#")
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if path in NAMED:
            return f"`{path}`"
        uri = elsewhere.get(path, path.removeprefix("docs/"))
        target = posixpath.relpath(uri, posixpath.dirname(here) or ".")
        return f"{match['image']}[{match['text']}]({target}{hash_}{anchor})"

    return link


def _formula(match: re.Match[str]) -> str:
    """MathML, kept together with the punctuation that touches it. Raises `FormulaError`."""
    if match["display"]:
        return f'<span class="formula">{mathml(match["display"], display=True)}</span>'
    math = mathml(match["inline"])
    if not match["after"]:
        return math
    start = math.rindex("<math")
    return f'{math[:start]}<span class="whole">{math[start:]}{match["after"]}</span>'


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the formulas where their tokens are."""
    formulas = page.meta.pop("formulas", [])

    def back(text: str) -> str:
        return re.sub(_TOKEN.format(r"(\d+)"), lambda match: formulas[int(match[1])], text)

    def mend(items: list[AnchorLink]) -> None:
        for item in items:
            item.title = back(item.title)
            mend(item.children)

    mend(page.toc.items)
    return back(html)
