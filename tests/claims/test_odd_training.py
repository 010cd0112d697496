"""Trained experiments with next to nothing in them are judged and described without an error."""

from __future__ import annotations

import pytest
from trained import train

from ntk_core.claims import Results, claim, to_json
from ntk_core.claims.record import FALSE, from_json
from ntk_core.claims.results import TrainedTables
from ntk_core.experiments.trained import TrainedExperiment
from ntk_core.figures import save, training_drawable
from ntk_core.pages.summary import summarise

TEACHER = {"loss": "squared", "step": 1.0, "target_loss": None, "name": "odd"}


def teacher(d: int, inputs: int, held_out: int, steps: int, **changes) -> TrainedExperiment:
    values = {"m": (4, 8), "seeds": 3} | TEACHER | changes
    return TrainedExperiment("teacher", (), d, inputs, held_out, steps=steps, **values)


ODD = {
    "one run a width": (teacher(2, 1, 2, 2, m=(1024, 2048), seeds=1), 1),
    "no step, as the target is reached": (teacher(2, 1, 2, 2, m=(1024, 2048), seeds=30, target_loss=10.0), 1),
    "the only target is 0": (teacher(2, 1, 2, 2), 408),
    "all targets are 0": (teacher(2, 1, 1, 2), 122),
    "no input near": (teacher(2, 1, 1, 2), 3),
    "steps of nothing": (teacher(2, 3, 3, 2, step=1e-6), 2),
    "one dimension": (teacher(1, 3, 3, 4, m=(4, 64)), 2),
    "the widest diverge": (teacher(2, 3, 3, 64, step=30.0, m=(4, 8, 16)), 2),
}


@pytest.fixture(scope="module", params=ODD)
def odd(request, tmp_path_factory):
    experiment, entropy = ODD[request.param]
    return experiment, *train(experiment, tmp_path_factory.mktemp("odd"), entropy)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of an axis with nothing to show, where no weight moves
def test_it_is_judged_drawn_and_described(odd, tmp_path):
    experiment, table, rates = odd
    results = Results((), 1, (TrainedTables(experiment, table, rates),), ())
    claims = [claim(name, results) for name in ("LT", "N2", "N6")]
    assert FALSE not in {one.verdict for one in claims}
    read = from_json(to_json(claims))
    assert [one.id for one in read] == ["LT", "N2", "N6"]
    text = summarise([], [(table, rates)], tmp_path, claims, True)
    power = {0.5: "1/2", 0.75: "3/4"}[float(rates["exponent"].sel(quantity="linearization_error"))]
    assert ("m^(" not in text) or f"m^({power}) rms E" in text
    for figure in training_drawable(experiment.axes):
        save(figure, table, rates, [str(tmp_path / f"{figure}.svg")])


def test_nothing_is_made_of_values_that_are_not_there(odd):
    """A constant is that of a width with runs, and a mean of zeros is 0."""
    _, table, rates = odd
    left = table["runs"] > 0
    zero = table["training_mean"].sel(quantity="sign_change_fraction")
    assert zero.where(left, drop=True).notnull().all()
    for name in ("constant", "training_constant"):
        nothing = ~left.any("m")
        assert rates[name].sel(quantity="linearization_error").where(nothing, drop=True).isnull().all()
