"""The page from the data and the charts, with the runtime that draws them. One file, no network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ...laws import LAWS
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
"""What the key and the table call the lines."""


def render(experiments: Sequence[tuple[xr.Dataset, Sequence[Sequence[Histogram]]]]) -> str:
    """The page, the same bytes for the same input.

    `experiments` are quantiles of grids, each with the histograms of its runs by quantity and cell; at least
    one. The first by the band sampler is shown first.
    """
    data = [experiment_data(table, rows) for table, rows in experiments]
    laws = sorted({law for one in data for law in one["axes"]["perturbation"]})
    runtime = _runtime()
    style = asset("ntk_core.pages.findings", "page.css") + asset(__package__, "page.css")
    script = asset(__package__, "page.js")
    first = next((i for i, one in enumerate(data) if one["sampler"] == "band"), 0)
    content: dict[str, Any] = {
        "experiments": data,
        "first": first,
        "quantities": [(quantity.text, quantity.words) for quantity in QUANTITIES.values()],
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
            runtime=Markup(runtime),
            script=Markup(script),
            style_digest=digest(style),
            script_digests=[digest(runtime), digest(script)],
            data=htmlsafe_json_dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False),
            names=[one["name"] for one in data],
            lines=LINES,
            bounds=BOUNDS,
            dashes=DASHES,
            exact=EXACT,
            ink=INK,
        )
    )


@cache
def _runtime() -> str:
    """Vega, Vega-Lite and Vega-Embed, fit to stand between script tags; the version of Altair."""
    language = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    code: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", language)
    return code.replace("</script", r"<\/script").replace("<!--", r"<\!--")
