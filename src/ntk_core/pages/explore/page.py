"""The page from the data and the charts, with the runtime that draws them. One file, no network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ...laws import LAWS, THEOREM_LAWS
from ...laws.queries import RANGES
from ...quantities import QUANTITIES
from ...theory.bounds import BOUNDS
from ..findings.embedding import asset, digest, templates
from .charts import DASHES, EXACT, INK, charts, colours
from .data import experiment_data
from .histograms import Histogram

if TYPE_CHECKING:
    import xarray as xr

LINES = {
    "printed": "bound as printed",
    "sharp": "sharp bound",
    "binomial": "binomial bound",
    "exact": "exact supremum over the ball",
    "exact_quantile": "exact quantile",
    "quantile": "measured quantile",
}
"""Names of the lines in the key and the table."""


def render(experiments: Sequence[tuple[xr.Dataset, Sequence[Sequence[Histogram]]]]) -> str:
    """The page, the same bytes for the same input.

    `experiments` are quantiles of grids, at least one, each with the histograms of its runs by quantity and
    cell. The page opens with the first one of the band sampler.
    """
    data = [experiment_data(table, rows) for table, rows in experiments]
    laws = sorted({law for experiment in data for law in experiment["axes"]["perturbation"]})
    runtime = _runtime()
    style = asset("ntk_core.pages.findings", "page.css") + asset(__package__, "page.css")
    scripts = [runtime, *(asset(__package__, f"{name}.js") for name in ("exact", "calculator", "page"))]
    first = next((i for i, experiment in enumerate(data) if experiment["sampler"] == "band"), 0)
    content: dict[str, Any] = {
        "experiments": data,
        "first": first,
        "quantities": [(q.text, q.words, q.name) for q in QUANTITIES.values()],
        "ranges": {name: list(limits) for name, limits in RANGES.items()},
        "displacements": {name: law.words for name, law in LAWS.items()},
        "bounds": BOUNDS,
        "lines": LINES,
        "colours": {"laws": colours(laws), "exact_quantile": EXACT, "ink": INK},
        "charts": charts(),
    }
    return (
        templates(__package__)
        .get_template("page.html.jinja")
        .render(
            style=Markup(style),
            scripts=[Markup(script) for script in scripts],
            style_digest=digest(style),
            script_digests=[digest(script) for script in scripts],
            data=htmlsafe_json_dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False),
            names=[experiment["name"] for experiment in data],
            lines=LINES,
            laws=[name for name in THEOREM_LAWS if LAWS[name].words],
            dashes=DASHES,
            exact=EXACT,
        )
    )


@cache
def _runtime() -> str:
    """Vega, Vega-Lite and Vega-Embed of Altair's version, escaped for a script element."""
    language = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    code: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", language)
    return code.replace("</script", r"<\/script").replace("<!--", r"<\!--")
