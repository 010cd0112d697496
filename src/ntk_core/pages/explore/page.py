"""The page from the data and the charts, with the runtime that draws them. One file, no network."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import altair as alt
import vl_convert
from jinja2.utils import htmlsafe_json_dumps
from markupsafe import Markup

from ...figures.palette import INK, law_colours
from ...laws import LAWS, THEOREM_LAWS
from ...laws.queries import RANGES
from ...quantities import QUANTITIES
from ...storage.metadata import spec_of
from ...theory.all_radii import NAME as ALL_RADII
from ...theory.bounds import BOUNDS
from ..embedding import asset, digest, templates
from .charts import charts, styles
from .data import AXES, drawn_data, trained_data

if TYPE_CHECKING:
    import xarray as xr

LINES = {
    "printed": "bound as printed",
    "sharp": "sharp bound",
    "binomial": "binomial bound",
    "bernstein": "Bernstein’s bound",
    "all_radii": "bound for all radii at once",
    "exact": "exact supremum over the ball",
    "exact_quantile": "exact quantile",
    "quantile": "measured quantile",
    "held_out_quantile": "quantile at held-out inputs",
    "held_out_rms": "root mean square at held-out inputs",
    "training_rms": "root mean square at training inputs",
    "alpha_ceiling": "bound while the loss does not grow",
    "alpha_hat_limit_ceiling": "bound in the limit of m",
    "alpha_hat_max": "largest of the runs",
    "alpha_hat_min": "least of the runs",
    "alpha_hat": "mean of the runs",
    "twin_distance": "distance at held-out inputs",
    "twin_training_distance": "distance at training inputs",
    "training_loss": "network at training inputs",
    "twin_training_loss": "twin at training inputs",
    "test_loss": "network at held-out inputs",
    "twin_test_loss": "twin at held-out inputs",
    "flipped_fraction": "share of pairs of neuron and training input",
    "flipped_neurons": "share of neurons, at any training input",
}
"""Names of the lines in the key and the tables."""

Tables = tuple["xr.Dataset", "xr.Dataset"]


def render(drawn: Sequence[Tables], trained: Sequence[Tables] = ()) -> str:
    """The page, the same bytes for the same input.

    Both are quantiles and rates of experiments, at least one in all. The page opens with the first one of the
    band sampler.
    """
    data = [drawn_data(*tables) for tables in drawn] + [trained_data(*tables) for tables in trained]
    specs = [spec_of(table) for table, _ in (*drawn, *trained)]
    laws = sorted({law for experiment in data for law in experiment["axes"].get("perturbation", ())})
    runtime = _runtime()
    style = asset("ntk_core.pages", "page.css") + asset(__package__, "page.css")
    scripts = [
        runtime,
        *(asset(__package__, f"{name}.js") for name in ("exact", "calculator", "drawing", "page")),
    ]
    first = next((i for i, experiment in enumerate(data) if experiment.get("sampler") == "band"), 0)
    quantities = [(q.text, q.words, q.name) for q in QUANTITIES.values()]
    content: dict[str, Any] = {
        "experiments": data,
        "first": first,
        "axes": AXES,
        "quantities": quantities,
        "ranges": {name: list(limits) for name, limits in RANGES.items()},
        "displacements": {name: law.words for name, law in LAWS.items()},
        "bounds": [*BOUNDS, ALL_RADII],
        "exact_laws": THEOREM_LAWS,
        "lines": LINES,
        "styles": styles(LINES),
        "colours": {"laws": law_colours(laws), "ink": INK},
        "charts": charts(LINES),
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
            data_files={spec["name"]: spec.get("keep", "runs") for spec in specs},
            drawn=len(drawn) > 0,
            trained=len(trained) > 0,
            lines=LINES,
            quantities=quantities,
        )
    )


@cache
def _runtime() -> str:
    """Vega, Vega-Lite and Vega-Embed of Altair's version, escaped for a script element."""
    language = ".".join(alt.SCHEMA_VERSION.split(".")[:2])
    code: str = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", language)
    return code.replace("</script", r"<\/script").replace("<!--", r"<\!--")
