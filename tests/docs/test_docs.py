"""The pages: every command they show is run.

How a block says that it is not run, or not in full, is in CONTRIBUTING.md, "Commands in the pages are tests".
"""

from __future__ import annotations

import contextlib
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
from conftest import ROOT
from snakemake_calls import Call

from ntk_core.datasets.runs import collect
from ntk_core.datasets.shard import simulate_shard
from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.config_file import read_config_file, with_law_paths
from ntk_core.experiments.shards import Shard

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

    Faster than new processes: at their end, calls of snakemake are forked, and those of ntk-core made here.
    """
    lines = re.split(r"(?<!\\)\n", text.rstrip())
    calls: list[list[str]] = []
    while fork and lines and (arguments := plain_call(lines[-1])):
        calls.insert(0, arguments)
        del lines[-1]
    printed = printed_by(["bash", "-euo", "pipefail", "-c", "\n".join(lines)], folder) if lines else ""
    return printed + "".join(output_of(arguments, folder) for arguments in calls)


def plain_call(line: str) -> list[str]:
    """The words of a line that calls snakemake or ntk-core, with nothing of a shell in it; else none."""
    if set("|<>;&$*") & set(line):
        return []
    arguments = shlex.split(line.replace("\\\n", ""), comments=True)
    return arguments if arguments and Path(arguments[0]).name in ("snakemake", "ntk-core") else []


def output_of(arguments: list[str], folder: Path) -> str:
    """What such a call prints."""
    if Path(arguments[0]).name == "ntk-core":
        with contextlib.chdir(folder):
            code, output = command_line.call(*arguments[1:])
    else:
        call = Call(arguments[1:], folder, environment())
        output, _ = call.communicate()
        code = call.wait()
    assert code == 0, f"{shlex.join(arguments)}\n{output}"
    return output


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


def test_the_replay_of_a_law_of_your_own_prints_what_its_page_shows(tmp_path):
    """The config of the page at one width, with the seeds up to the one that is replayed: the same run."""
    source = ROOT / "config/examples/own_law.yaml"
    raw = with_law_paths(read_config_file(source), [source])
    grid = {"perturbation": ["noisy"], "m": [4096], "d": [2], "seeds": 18}
    config = parse_config(raw | {"experiments": {"noise": raw["experiments"]["noise"] | grid}})
    experiment, shard = config.experiment("noise"), tmp_path / "shard.nc"
    with workers(config.execution, 1) as executors:
        simulate_shard(Shard(experiment, config.entropy, 4096, 0, 18), shard, executors, lambda _: None)
    results = tmp_path / "noisy/results/noise"
    results.mkdir(parents=True)
    collect(experiment, config.entropy, [shard], results / "runs.nc")
    (block,) = [block for block in ALL["docs/own-law.md"] if "ntk-core replay" in block.text]
    compare(block.after.text, called(block.text, tmp_path))


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
