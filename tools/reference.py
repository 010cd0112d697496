"""The tables of docs/reference: made from the code whenever the site is, so that they cannot be out of date.

A hook of mkdocs.yml. A page asks for a table by a line `<!-- generated: NAME -->`.
"""

from __future__ import annotations

import html
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

if TYPE_CHECKING:
    import xarray as xr

_MARK = re.compile(r"^<!-- generated: (\w+) -->$", re.M)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put the tables where a page asks for them."""
    return _MARK.sub(lambda match: TABLES[match[1]](), markdown)


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _text(cell: str) -> str:
    """Text that stays as it is in a cell."""
    return re.sub(r"[|*_\[`]", lambda match: f"&#{ord(match[0])};", html.escape(cell, quote=False))


# The config, from the schema of the typed model that checks it.

SECTIONS = {
    "Config": ("The file", ""),
    "ExperimentModel": ("An experiment that is drawn", "experiments.<name>."),
    "TrainedModel": ("An experiment that is trained", "experiments.<name>."),
    "AnalysisModel": ("Analysis", "analysis."),
    "ExecutionModel": ("Execution", "execution."),
    "JobqueueModel": ("Workers of a batch system", "execution.jobqueue."),
    "TlsModel": ("TLS", "execution.tls."),
}
"""Heading and key path of each part of the schema."""


def config_keys() -> str:
    """Every key: path, type, what is allowed, default, meaning."""
    from ntk_core.experiments.config import Config

    schema = Config.model_json_schema()
    parts = {"Config": schema} | schema["$defs"]
    text = ""
    if unknown := parts.keys() - SECTIONS.keys():
        raise ValueError(f"the schema has {', '.join(sorted(unknown))}, which has no heading in {__file__}")
    for name, (heading, prefix) in SECTIONS.items():
        part = parts[name]
        rows = (
            (
                f"`{prefix}{key}`",
                _type(value),
                _allowed(value),
                "required" if key in part.get("required", []) else _default(value),
                _text(value["description"]),
            )
            for key, value in part["properties"].items()
        )
        text += f"## {heading}\n\n{part['description']}\n\n"
        text += _table(("key", "type", "allowed", "default", "meaning"), rows) + "\n"
    return text


def _choices(value: dict[str, Any]) -> list[dict[str, Any]]:
    return value.get("anyOf") or value.get("oneOf") or [value]


def _type(value: dict[str, Any]) -> str:
    names = []
    for choice in _choices(value):
        kind = choice.get("type", "mapping")
        if kind == "array":
            kind = f"list of {re.sub('number$', 'numbers', _type(choice['items']))}"
        elif kind == "object":
            kind = "mapping"
        elif "const" in choice or "enum" in choice:
            kind = "word"
        names.append(
            {"integer": "whole number", "string": "text", "boolean": "true or false"}.get(kind, kind)
        )
    return " or ".join(dict.fromkeys(names))


def _allowed(value: dict[str, Any]) -> str:
    """What JSON Schema can say of it; a dash where that is nothing."""
    parts = []
    for choice in _choices(value):
        if words := choice.get("enum") or ([choice["const"]] if "const" in choice else []):
            parts.append(", ".join(f"`{word}`" for word in words))
        if "items" in choice:
            each = _allowed(choice["items"])
            parts += [f"each {each}"] if each != "–" else []
        if "propertyNames" in choice:
            parts.append(f"names like `{choice['propertyNames']['pattern']}`")
        if "pattern" in choice:
            parts.append(f"like `{choice['pattern']}`")
        parts += list(_range(choice))
        for least, most, what in (
            ("minItems", "maxItems", "values"),
            ("minProperties", "maxProperties", "of them"),
        ):
            if most in choice:
                parts.append(f"{choice.get(least, 0)} to {choice[most]} {what}")
        if "multipleOf" in choice:
            parts.append(f"multiple of {choice['multipleOf']}")
    return "; ".join(parts) or "–"


def _range(choice: dict[str, Any]) -> Iterator[str]:
    low, high = choice.get("minimum"), choice.get("maximum")
    if low is not None and high is not None:
        yield f"{_number(low)} to {_number(high)}"
    elif low is not None:
        yield f"from {_number(low)}"
    for key, sign in (("exclusiveMinimum", "above"), ("exclusiveMaximum", "below")):
        if key in choice:
            yield f"{sign} {_number(choice[key])}"
    if low is None and high is not None:
        yield f"to {_number(high)}"


def _number(value: float) -> str:
    if isinstance(value, int) and value >= 1 << 16 and value & (value - 1) == 0:
        return f"2^{value.bit_length() - 1}"
    return f"{value:,}" if isinstance(value, int) else re.sub("e([+-])0", r"e\1", f"{value:g}")


def _default(value: dict[str, Any]) -> str:
    default = value.get("default")
    if isinstance(default, dict):
        return "the defaults below"
    if isinstance(default, list):
        return "`" + (", ".join(map(str, default)) or "[]") + "`"
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


# The data, from files of the smallest experiments, made anew.


@cache
def smallest() -> dict[str, dict[str, xr.Dataset]]:
    """Each file of the smallest drawn and the smallest trained experiment, by kind and name."""
    import xarray as xr

    from ntk_core.datasets import aggregates, runs, theory, trained_quantiles, trained_rates
    from ntk_core.datasets.quantiles import quantile_dataset
    from ntk_core.datasets.rates import rate_dataset
    from ntk_core.datasets.shard import make_shard
    from ntk_core.execution.workers import workers
    from ntk_core.experiments.drawn import DrawnExperiment
    from ntk_core.experiments.execution_model import ExecutionModel
    from ntk_core.experiments.shards import Shard
    from ntk_core.experiments.trained import TrainedExperiment

    drawn = DrawnExperiment("drawn", "band", ("adversarial",), (4, 16), (2,), (1.0,), 4)
    trained = TrainedExperiment(
        "teacher", (), 2, 2, 2, "squared", 1.0, 1, None, name="trained", m=(4, 8), seeds=2
    )
    delta, x_norm = (0.5,), (1.0,)
    with tempfile.TemporaryDirectory() as folder, workers(ExecutionModel(), 1) as client:
        grid, descent = Path(folder) / "drawn.nc", Path(folder) / "trained.nc"
        make_shard(Shard(drawn, 1, 4, 0, 4), grid.with_suffix(".4"), client, lambda _: None)
        make_shard(Shard(drawn, 1, 16, 0, 4), grid.with_suffix(".16"), client, lambda _: None)
        runs.collect(drawn, 1, [grid.with_suffix(".4"), grid.with_suffix(".16")], grid)
        kept, total = replace(drawn, keep="aggregates", delta=delta, x_norm=x_norm), grid.with_suffix(".sum")
        parts = [(grid.with_suffix(f".kept{m}"), kept.part(m, range(4))) for m in kept.m]
        for m, (path, _) in zip(kept.m, parts, strict=True):
            make_shard(Shard(kept, 1, m, 0, 4), path, client, lambda _: None)
        aggregates.add(kept, 1, parts, total, None)
        known = theory.theory_dataset(drawn, 1, delta, x_norm, client)
        table = quantile_dataset(grid, known, drawn, 1, client)
        for m in trained.m:
            make_shard(Shard(trained, 1, m, 0, 2), descent.with_suffix(f".{m}"), client, lambda _: None)
        runs.collect(trained, 1, [descent.with_suffix(f".{m}") for m in trained.m], descent)
        learned = xr.load_dataset(descent)
        fitted = trained_quantiles.quantile_dataset(learned, trained, 1, delta, x_norm)
        return {
            "drawn": {
                "runs.nc": xr.load_dataset(grid),
                "aggregates.nc": xr.load_dataset(total),
                "theory.nc": known,
                "quantiles.nc": table,
                "rates.nc": rate_dataset(table, drawn, 1),
            },
            "trained": {
                "runs.nc": learned,
                "quantiles.nc": fitted,
                "rates.nc": trained_rates.rate_dataset(fitted, trained, 1),
            },
        }


def data() -> str:
    """Every coordinate and variable of every file: dimensions, type, unit, meaning."""
    text = ""
    for kind, files in smallest().items():
        for name, dataset in files.items():
            text += f"## {name}, {kind}\n\n{dataset.attrs['summary']}\n\n"
            text += (
                _table(("coordinate", "along", "type", "unit", "meaning"), _rows(dataset, dataset.coords))
                + "\n"
            )
            text += (
                _table(("variable", "along", "type", "unit", "meaning"), _rows(dataset, dataset.data_vars))
                + "\n"
            )
    return text


def _rows(dataset: xr.Dataset, names: Any) -> Iterator[tuple[str, ...]]:
    for name in names:
        variable = dataset[name]
        kind = {"O": "text", "U": "text", "T": "text"}.get(variable.dtype.kind, str(variable.dtype))
        along, unit = ", ".join(map(str, variable.dims)), variable.attrs.get("units", "–")
        yield f"`{name}`", _text(along), kind, unit, _text(variable.attrs["long_name"])


def tolerances() -> str:
    """What a value must exceed to be counted, from the constants by which it is."""
    from ntk_core.datasets.comparisons import NOISE, SUM_ROUNDING
    from ntk_core.theory.bounds import ROUNDING
    from ntk_core.theory.tilt import TARGET

    bound, exact, noise, dense = map(_number, (ROUNDING, TARGET, NOISE, SUM_ROUNDING))
    rows = {
        "`exceedances`, `runs_exceeding`": f"over (1 + {bound}) times the bound, and over rounding around 0",
        "`exact_exceedances`": f"above (1 + {exact}) times the exact quantile, and above rounding around 0",
        "`exact_shortfalls`": f"below (1 − {exact}) times an exact quantile that is above rounding around 0",
    }
    around = f"{noise}·α/m for E, |Δ₁| and |Δ₂|, and up to {noise}/m for the two fractions"
    sums = f"With the sampler `dense` it is up to {dense}·√m for the first three if that is more"
    table = _table(("count", "values that count"), iter(rows.items()))
    return f"{table}\nRounding around 0 is up to {around}. {sums}.\n"


# The command line, from its own help.


def command_line() -> str:
    """The help of `ntk-core`, of each of its commands, and of the modules that are commands."""
    from ntk_core.claims.__main__ import parser
    from ntk_core.cli import app

    group: Any = typer.main.get_command(app)
    text = f"## ntk-core\n\n{_help(group, 'ntk-core')}"
    for name, command in group.commands.items():
        text += f"## ntk-core {name}\n\n{_help(command, f'ntk-core {name}')}"
    claims = parser()
    return text + f"## {claims.prog}\n\n```text\n{claims.format_help()}```\n"


def _help(command: Any, name: str) -> str:
    context = command.make_context(name, [], resilient_parsing=True, terminal_width=96, max_content_width=96)
    return f"```text\n{command.get_help(context)}\n```\n\n"


TABLES: dict[str, Callable[[], str]] = {
    "config": config_keys,
    "data": data,
    "tolerances": tolerances,
    "cli": command_line,
}
"""What a page can ask for."""
