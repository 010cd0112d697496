"""Metadata of the files: long names of variables, and attributes by CF and ACDD.

None contains a time, a host, a user or a path: the same content gives the same bytes.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import __version__
from ..experiments.drawn import DrawnExperiment
from ..experiments.experiment import Experiment
from ..laws import LAWS
from ..quantities import QUANTITIES
from ..theory.bounds import BOUNDS, ROUNDING
from ..theory.tilt import TARGET

if TYPE_CHECKING:
    import xarray as xr

_FEW_RUNS = "; NaN where runs are too few"


def _limits(name: str, what: str, missing: str = "; NaN where a width has no interval") -> dict[str, str]:
    """Long names of the confidence limits of the variable `name`, which is `what`, and where they are NaN."""
    return {
        f"{name}_lower": f"lower confidence limit of {what}{missing}",
        f"{name}_upper": f"upper confidence limit of {what}{missing}",
    }


def _error_and_limits(name: str, what: str, missing: str = "; NaN of one run") -> dict[str, str]:
    """Long names of the standard error and of the limits of a mean over runs, or of a root of one."""
    return {f"{name}_standard_error": f"standard error of {what}{missing}", **_limits(name, what, _FEW_RUNS)}


_MOMENT_ERRORS = _error_and_limits("mean", "the mean") | _error_and_limits(
    "rms", "the root mean square", "; NaN of one run or where rms is 0"
)

_EXPONENT = "k of the theory's rate m^-k"

_LOWER, _UPPER = (
    f"{side} confidence limit, NaN where a width has no interval, of" for side in ("lower", "upper")
)

_RATES = {
    "slope": "least-squares slope, NaN on fewer than 2 widths, against log(m) of the log of",
    "slope_lower": f"{_LOWER} the slope of",
    "slope_upper": f"{_UPPER} the slope of",
    "local_slope_last": "slope, NaN where one of them is 0 or rounding, between the two largest widths of",
    "local_slope_last_lower": f"{_LOWER} the slope between the two largest widths of",
    "local_slope_last_upper": f"{_UPPER} the slope between the two largest widths of",
    "constant": "value times m^k at the largest width, of",
    "constant_lower": f"{_LOWER} the constant of",
    "constant_upper": f"{_UPPER} the constant of",
}

_BIAS = "root mean square over inputs of the mean signed error"

_WIDE = "{inputs}, in wide networks, by the angle to a training input; NaN where not computed"

DISTANCES = {
    "twin_distance": "root mean square over held-out inputs of network minus linear twin",
    "twin_training_distance": "root mean square over training inputs of network minus linear twin",
}
"""Long names of the variables of a run with the exponent 1/2. Their constants have limits by the crossing
dynamics."""

SIGNED_ERRORS = {
    "signed_error_mean": "mean over the runs of the signed error",
    "signed_error_standard_error": "standard error of that mean; NaN of one run",
    "bias": f"{_BIAS} {{inputs}}, less what chance adds; NaN of one run",
    **_error_and_limits("bias", f"the {_BIAS}"),
    **{f"bias_{name}": f"{text} the {_BIAS} {{inputs}} (k = 1/2)" for name, text in _RATES.items()},
    "wide_signed_error_mean": f"mean of the signed error {_WIDE}",
    "wide_signed_error_rms": f"root mean square of the signed error {_WIDE}",
}
"""Long names of what is made of the signed errors at one kind of input."""

TRAINING_INPUTS = {
    "mean": "mean over runs and inputs at |x| = 1",
    "rms": "root mean square over runs and inputs at |x| = 1",
    **_MOMENT_ERRORS,
    "exponent": _EXPONENT,
    **{name: f"{text} the statistic" for name, text in _RATES.items()},
}
"""Long names of the statistics of a quantity that a trained experiment has at both kinds of inputs."""


def _at_inputs(text: str, kind: str) -> str:
    """A long name with the kind of inputs where it has a place for it, else before what it says of NaN."""
    inputs = f"at the {kind} inputs"
    if "{inputs}" in text:
        return text.format(inputs=inputs)
    what, semicolon, missing = text.partition("; NaN")
    return f"{what} {inputs}{semicolon}{missing}"


_DISTANCE_CONSTANTS = {
    f"{name}_constant": f"sqrt(m) times the mean over runs at the largest width of the {what}"
    for name, what in DISTANCES.items()
}

LONG_NAMES = {
    # coordinates
    "quantity": "quantity of a run: "
    + ", ".join(f"{quantity.name} {quantity.ascii}" for quantity in QUANTITIES.values()),
    "perturbation": "law of the displacement u, in the ball max_i |u_i| <= alpha/sqrt(m) unless it names "
    "another norm: "
    + ", ".join(f"{law.name} ({law.words})" for law in LAWS.values())
    + " or one of the user's own",
    "m": "width of the network (number of neurons)",
    "d": "dimension of the input",
    "alpha": "radius of the ball times sqrt(m)",
    "seed": "number of the run within its cell",
    "delta": "failure probability; quantiles are at level 1 - delta",
    "x_norm": "Euclidean norm of the input x",
    "bound": "bound on the quantity, from the notes' own to the tightest",
    "statistic": "statistic of the runs of a cell: mean, rms, or a delta for the (1 - delta)-quantile",
    **{quantity.name: quantity.long_name for quantity in QUANTITIES.values()},
    "weight": "weight of the run: probability density under the law over that under the sampler",
    # aggregates
    "bin": "number of the bin of a histogram; 0 holds zeros, 1 all below bin_unit",
    "bin_lower": "where the bin begins, in units of bin_unit; it ends where the next one begins",
    "bin_unit": "where bin 2 begins, a power of 2",
    "histogram": "number of runs in the bin, at |x| = 1",
    "power": "power of the values that is summed",
    "digit": "place of a digit of a sum, the lowest first",
    "power_sum": "digits in base 2^32 of the exact sum of a power over the runs, in units of 2^-1074",
    "smallest": "least of the runs at |x| = 1",
    "rank": "place of the run among the largest",
    "top_value": "the largest values at |x| = 1, descending",
    "top_seed": "number of the run of each of the largest values",
    # trained runs
    "steps": "steps of gradient descent",
    "input": "number of the held-out input",
    "component": "number of the component of an input",
    "x": "held-out input, of Euclidean norm 1",
    "target": "target of the held-out input",
    "training_angle": "angle of the held-out input to the nearest training input or its reverse, in radians",
    "training_input": "number of the training input",
    "training_x": "training input, of Euclidean norm 1",
    "training_target": "target of the training input",
    "signed_error": "F(x;w) - grad F(x;w(0))^T (w - w(0)): the linearization error with its sign",
    **{f"training_{q.name}": f"at the training input: {q.long_name}" for q in QUANTITIES.values()},
    "training_signed_error": "at the training input: F(x;w) - grad F(x;w(0))^T (w - w(0))",
    "output": "output F(x;w) of the network",
    "twin_output": "output of the linear twin, which descends by itself; NaN once it diverged",
    "training_output": "at the training input: output F(x;w) of the network",
    "training_twin_output": "at the training input: output of the linear twin; NaN once it diverged",
    "alpha_hat": "sqrt(m) max_i |w_i - w_i(0)|: the least alpha of a ball that holds the weights",
    "max_displacement": "max_i |w_i - w_i(0)|",
    "mean_displacement": "mean over neurons of |w_i - w_i(0)|",
    "training_loss": "loss of the network on the training inputs",
    "test_loss": "loss of the network on the held-out inputs",
    "twin_training_loss": "loss of the linear twin on the training inputs; NaN once it diverged",
    "twin_test_loss": "loss of the linear twin on the held-out inputs; NaN once it diverged",
    **{name: f"{text}; NaN once that diverged" for name, text in DISTANCES.items()},
    "flipped_fraction": "fraction of neurons and training inputs whose sign indicator ever differed so far",
    "flipped_neurons": "fraction of neurons whose sign indicator ever differed at a training input so far",
    "status": "how the run ended",
    "steps_taken": "steps done when the run ended",
    "variable": "name of what a trained run has one number of",
    "uniform_bound": "bound for all alpha at once: printed, on E at delta up to 1/2, and all_radii",
    "law_rms": "exact root mean square of the quantity under a displacement law at the mean alpha_hat; "
    "NaN where no run has moved",
    "position": "rms divided by law_rms: where training stands among the displacement laws; NaN where "
    "law_rms is",
    "runs_exceeding": "number of runs in one or more of the pairs that exceedances counts",
    "largest_share": "largest value of the runs and inputs over the bound at its run's own alpha_hat, or "
    "over rounding around 0 if that is more; NaN where no run has moved",
    "bound_all_radii": "bound for all alpha at once with the optimal constant, at the mean alpha_hat; NaN "
    "where no run has moved",
    "step_size": "step size of gradient descent",
    "run_mean": "mean over the runs; NaN where one of them lacks the number",
    **_error_and_limits("run_mean", "that mean"),
    "run_min": "least of the runs; NaN where one of them lacks the number",
    "run_max": "largest of the runs; NaN where one of them lacks the number",
    "run_status": "number of runs that ended so",
    "alpha_ceiling": "bound on alpha_hat at every width, while the training loss does not grow, for the "
    "most steps that a run has taken",
    "alpha_hat_over_ceiling": "largest alpha_hat over its ceiling for the steps of its run, of runs whose "
    "training loss never grew; NaN at step 0 or without such a run",
    "alpha_ceiling_always": "bound on alpha_hat at every width, also where the training loss grows, for the "
    "most steps that a run has taken",
    "alpha_hat_over_ceiling_always": "largest alpha_hat of all runs over that bound for the steps of "
    "its run; NaN at step 0",
    "loss_grew": "number of runs whose training loss has grown between two recorded times, those that "
    "diverged included",
    "alpha_hat_limit_ceiling": "bound on alpha_hat as m grows, from the limiting kernel",
    "displacement_limit": "limit of sqrt(m) times the mean displacement as m grows",
    "local_slope_last": "slope of log(statistic) against log(m) between the two largest widths; NaN where "
    "one of the two is 0 or rounding",
    **_limits("local_slope_last", "that slope"),
    "run_slope": "least-squares slope of log(run_mean) against log(m); NaN on fewer than 2 widths above 0",
    **_limits("run_slope", "that slope"),
    "run_local_slope": "slope of log(run_mean) against log(m) from the next smaller width to this one; NaN "
    "at the smallest width and where one of the two is 0",
    **_limits("run_local_slope", "that local slope"),
    "separation_width": "(alpha_hat/training_angle)^2: far below this width E falls as at a training input, "
    "near and above it as at a new one",
    **{
        f"{prefix}{name}": _at_inputs(text, kind)
        for prefix, kind in (("", "held-out"), ("training_", "training"))
        for name, text in SIGNED_ERRORS.items()
    },
    **{f"training_{name}": _at_inputs(text, "training") for name, text in TRAINING_INPUTS.items()},
    "training_signed_error_limit": "limit of sqrt(m) times the signed error at the training input; "
    "NaN where not computed",
    "training_constant_limit": "limit of training_constant as m grows; NaN where not known or not computed",
    "training_bias_constant_limit": "limit of training_bias_constant as m grows; NaN where not computed",
    **_DISTANCE_CONSTANTS,
    **{
        limit: text
        for name, what in _DISTANCE_CONSTANTS.items()
        for limit, text in _limits(name, what, _FEW_RUNS).items()
    },
    **{
        f"{name}_constant_limit": f"limit of {name}_constant as m grows; NaN where not computed"
        for name in DISTANCES
    },
    # quantiles
    "quantile": "empirical (1 - delta)-quantile at |x| = 1",
    "quantile_lower": "lower confidence limit of the (1 - delta)-quantile; 0 where runs are too few",
    "quantile_upper": "upper confidence limit of the (1 - delta)-quantile; infinite where runs are too few",
    "effective_runs": "(sum w)^2 / sum w^2 over the weights w of the runs at or above the quantile",
    "exact_exceedances": f"number of runs above (1 + {TARGET:g}) times the exact (1 - delta)-quantile, and "
    "above rounding around 0; 0 where that quantile is NaN",
    "exact_shortfalls": f"number of runs below (1 - {TARGET:g}) times the exact (1 - delta)-quantile; 0 "
    "where that is NaN or rounding around 0",
    "exact_quantile": "exact (1 - delta)-quantile at |x| = 1; NaN where no exact law is known",
    "mean": "mean over the runs at |x| = 1",
    "rms": "root mean square over the runs at |x| = 1",
    **_MOMENT_ERRORS,
    "exact_mean": "exact mean at |x| = 1; NaN where no closed form is known",
    "exact_rms": "exact root mean square at |x| = 1; NaN where none is known",
    "bound_printed": "bound as printed in the notes (Theorem 1, Lemma 4, event A_1)",
    "bound_sharp": "bound with constants sharpened by Hoeffding's inequality on m/2 independent pairs",
    "bound_binomial": "bound from the exact binomial (1 - delta)-quantile of the band fraction",
    "bound_bernstein": "bound from Bernstein's inequality for the sum over the m/2 independent pairs",
    "bound_exact": "exact (1 - delta)-quantile of the supremum over the ball; NaN beyond alpha/sqrt(m) = 8",
    "bound_ratio": "bound divided by the empirical (1 - delta)-quantile at |x|; NaN if that is rounding or "
    "the bound is NaN",
    "exceedances": f"number of runs over (1 + {ROUNDING:g}) times the bound, and over rounding around 0; 0 "
    "where that bound is NaN",
    "exceedance_rate_upper": "one-sided upper confidence limit on the probability of exceeding the bound; "
    "NaN where that is",
    "runs": "number of runs in the cell",
    "bar": "number of the bar of a histogram",
    "bar_runs": "number of runs in each bar of the histogram at |x| = 1; 0 after the last bar; with keep: "
    "aggregates, all runs of a bin are in the bar of one value of it",
    "first_bar": "where the first bar begins",
    "bar_width": "width of each bar",
    # rates
    "slope": "least-squares slope of log(statistic) against log(m); NaN on fewer than 2 widths",
    **_limits("slope", "the slope"),
    "exact_slope": "the same slope of the exact values; NaN where they are not known",
    "limit_slope": "slope less the finite-m curvature of the exact law: slope - exact_slope - exponent; "
    "NaN where one of these is",
    **_limits("limit_slope", "limit_slope"),
    "local_slope": "slope of log(statistic) against log(m) from the next smaller width to this one; NaN at "
    "the smallest width, and where one of the two is rounding or a quantile without an upper limit",
    **_limits("local_slope", "the local slope"),
    "exact_local_slope": "the same local slope of the exact values; NaN where they are not known",
    "m_fit": "smallest width the slope is fitted on; NaN where the slope is",
    "points": "number of widths the slope is fitted on, without those where the statistic is rounding or a "
    "quantile without an upper limit; 0 if fewer than 2 are left",
    "exponent": _EXPONENT,
    "constant": "statistic times m^k at the largest width",
    **_limits("constant", "the constant", "; NaN where the statistic has none"),
    "constant_limit": "limit of the constant as m grows, from theory; NaN where none is known",
    "follows_from": "smallest width from which on the exact statistic times m^k, or where that is NaN both "
    "confidence limits of the statistic, are within 5 % of constant_limit",
}
"""The `long_name` of every coordinate and variable."""


def _where_moved(text: str) -> str:
    """The long name of a bound, at the mean of α̂, where the runs of a trained experiment have moved."""
    what, also, missing = text.partition("; NaN")
    return f"{what}, at the mean alpha_hat; NaN where no run has moved{' and' * bool(also)}{missing}"


_POOLED = "over runs and held-out inputs at |x| = 1"

TRAINED = {
    "mean": f"mean {_POOLED}",
    "rms": f"root mean square {_POOLED}",
    "quantile": f"empirical (1 - delta)-quantile {_POOLED}",
    "bound": "bound on the quantity, from the notes' own to the exact one, then that for all alpha at once",
    **{f"bound_{name}": _where_moved(LONG_NAMES[f"bound_{name}"]) for name in BOUNDS},
    "exceedances": f"number of pairs of a run and a held-out input over (1 + {ROUNDING:g}) times the bound "
    "at the run's alpha_hat, and over rounding around 0",
    "band_fraction": "fraction of neurons in the band |w_i(0).x| <= alpha_hat |x|/sqrt(m)",
    "training_band_fraction": "at the training input: fraction of neurons in the band "
    "|w_i(0).x| <= alpha_hat |x|/sqrt(m)",
}
"""Long names that are others in the files of trained experiments."""

FROBENIUS = {
    "perturbation": "law of the displacement: the worst in the ball |W - W(0)|_F <= alpha",
    "alpha": "radius of the ball |W - W(0)|_F <= alpha of the weights of all neurons together",
    "band_fraction": "fraction of neurons with |w_i(0).x| <= max_i |w_i - w_i(0)| |x|",
    **{
        f"bound_{name}": "NaN: the bounds are of another ball, max_i |u_i| <= alpha/sqrt(m)"
        for name in BOUNDS
    },
}
"""Long names that are others where the displacements are in the Frobenius ball."""

ATTRIBUTES = frozenset(
    (
        "experiment",
        "source",
        "spec",
        "format_version",
        "ntk_core_version",
        "numpy_version",
        "confidence_level",
    )
)
"""Global attributes that a reader uses: some that `attributes` makes, and the confidence level of a table."""

VARIABLE_ATTRIBUTES = {
    "long_name": None,
    "coverage_content_type": None,
    "coordinates": None,
    "flag_values": None,
    "flag_meanings": None,
    "units": "1",
    "_Encoding": "utf-8",
}
"""Attributes that variables may have, with the only value allowed if it changes how numbers are read."""


TITLES = {
    "drawn": "Linearization error of two-layer ReLU networks",
    "trained": "Lazy training of two-layer ReLU networks",
}
"""Beginning of a file's title, by the kind of its experiment."""


def attributes(
    content: str, summary: str, experiment: Experiment, entropy: int, **levels: Any
) -> dict[str, Any]:
    """Global attributes (CF-1.11, ACDD-1.3) with the full spec that determines the file.

    The title says that it has `content`, as `runs of`, the experiment.
    """
    comment = (
        "Quantities are at |x| = 1 where there is no dimension x_norm; linearization_error, delta1 and "
        "delta2 scale with |x|."
    )
    if isinstance(experiment, DrawnExperiment) and experiment.sampler == "dense":
        comment += " Where the true value is 0, a dense run has rounding, up to some 1e-15 sqrt(m)."
    return {
        "Conventions": "CF-1.11, ACDD-1.3",
        "title": f"{TITLES[experiment.kind]}: {content} {experiment.name}",
        "summary": summary,
        "keywords": "neural tangent kernel, linearization error, ReLU network, lazy training"
        + ", Monte Carlo" * (experiment.seeds > 0),
        "source": f"ntk_core {__version__}, {experiment.method}",
        "history": f"made by ntk_core {__version__} from the spec in this file",
        "references": "lecture notes on neural tangent kernel analysis: Lemmas 1 to 4, Theorem 1",
        "comment": comment,
        "license": "MIT",
        "creator_name": "ntk-core developers",
        "creator_type": "group",
        "processing_level": "numerical simulation" if experiment.seeds else "theory",
        "standard_name_vocabulary": "CF Standard Name Table v93",
        "experiment": experiment.name,
        "spec": json.dumps(full_spec(experiment, entropy, **levels), sort_keys=True),
        "entropy": str(entropy),
        "format_version": np.int32(experiment.format_version),
        "ntk_core_version": __version__,
        "numpy_version": np.__version__,
    }


def full_spec(experiment: Experiment, entropy: int, **levels: Any) -> dict[str, Any]:
    """All that decides a file's content but its format: experiment, entropy and, of a table, its `levels`."""
    return {"entropy": str(entropy), **experiment.spec(), **levels}


def spec_of(dataset: xr.Dataset) -> dict[str, Any]:
    """The spec that determines the dataset, from its attributes."""
    spec: dict[str, Any] = json.loads(dataset.attrs["spec"])
    return spec


def meaning(experiment: Experiment, name: str, coordinate: bool) -> dict[str, str]:
    """Attributes that describe a variable, for people and, by ACDD, for programs."""
    kind = "coordinate" if coordinate else "modelResult"
    own: dict[str, str] = {}
    if not isinstance(experiment, DrawnExperiment):
        own = TRAINED
    elif math.isfinite(experiment.norm):
        own = FROBENIUS
    return {"long_name": own.get(name, LONG_NAMES[name]), "coverage_content_type": kind}


def describe(dataset: xr.Dataset, attrs: dict[str, Any], experiment: Experiment) -> xr.Dataset:
    """Set the attributes of a dataset of the experiment and of its variables, and return it."""
    for name, variable in dataset.variables.items():
        variable.attrs |= meaning(experiment, str(name), name in dataset.coords)
        if variable.dtype.kind in "if" and "flag_values" not in variable.attrs:
            variable.attrs["units"] = "1"
    dataset.attrs = attrs
    return dataset
