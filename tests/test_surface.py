"""The public surface: what a user imports from `ntk_core`, and what it does with good and bad arguments."""

from __future__ import annotations

import json
import math
import pkgutil
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr
from conftest import EXPERIMENT, ROOT

import ntk_core
from ntk_core.laws import exact
from ntk_core.laws import moments as law_moments
from ntk_core.quantities import QUANTITIES
from ntk_core.theory import bounds

PAGES = [
    ROOT / "README.md",
    ROOT / "config/README.md",
    *(page for page in (ROOT / "docs").rglob("*.md") if "reference" not in page.parts),
    ROOT / "notebooks/reanalysis.ipynb",
]
TRAINING = {"data": "teacher", "d": 3, "training_inputs": 6, "held_out_inputs": 5, "steps": 8, "m": [16, 64]}
CELL = {"law": "sphere", "m": 64, "alpha": 1.0}


def modules_after(code: str) -> set[str]:
    """What a new interpreter has loaded after the code."""
    command = [sys.executable, "-c", f"{code}\nimport sys, json; print(json.dumps(list(sys.modules)))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_simulate_has_the_bits_and_the_labels_of_a_run_of_the_workflow(archived):
    runs = xr.load_dataset(archived / "runs.nc")
    drawn = ntk_core.simulate(
        law=EXPERIMENT.perturbation, m=EXPERIMENT.m, d=2, alpha=EXPERIMENT.alpha, runs=1500, entropy=1
    )
    assert drawn.equals(runs)
    for name, variable in runs.variables.items():
        assert drawn[name].attrs == variable.attrs
    same = {"experiment", "title", "spec"}
    assert {k: v for k, v in drawn.attrs.items() if k not in same} == {
        k: v for k, v in runs.attrs.items() if k not in same
    }
    one = ntk_core.simulate(law="sphere", m=256, alpha=2.0, runs=7, entropy=1)
    part = runs.sel(perturbation=["sphere"], m=[256], alpha=[2.0], seed=range(7))
    assert one.equals(part)


def test_the_explorable_page_is_made_without_a_plotting_library():
    assert not {"matplotlib", "seaborn"} & modules_after("import ntk_core.pages.explore.page")


@pytest.mark.parametrize("sampler", ["band", "dense"])
def test_the_definitions_of_a_run_agree_with_it(sampler):
    runs = ntk_core.simulate(**CELL, sampler=sampler, runs=4, entropy=3)
    for seed in range(4):
        literal = ntk_core.definitions(**CELL, sampler=sampler, seed=seed, entropy=3)
        for name, value in literal.items():
            assert value == pytest.approx(float(runs[name].squeeze()[seed]), rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("quantity", QUANTITIES)
def test_what_theory_says_is_what_its_functions_say(quantity):
    scale = 1.0 if QUANTITIES[quantity].fraction else 3.0
    for law in ntk_core.LAWS:
        value = ntk_core.exact_quantile(quantity, law=law, m=64, d=3, alpha=1, delta=0.1, x_norm=3)
        np.testing.assert_equal(value, scale * exact.exact_quantile(law, quantity, 64, 3, 1.0, 0.1))
        known = ntk_core.moments(quantity, law=law, m=64, d=3, alpha=1)
        for value, function in ((known.mean, law_moments.mean), (known.rms, law_moments.root_mean_square)):
            np.testing.assert_equal(value, function(law, quantity, 64, 3, 1.0))
        assert known.exponent == law_moments.exponent(law, quantity)
        for value, statistic in ((known.mean_limit, "mean"), (known.rms_limit, "rms")):
            np.testing.assert_equal(value, law_moments.limit(law, quantity, 3, 1.0, statistic))
    for name in ntk_core.BOUNDS:
        m = np.array([64, 1024])
        value = ntk_core.bound(name, quantity, m=m, alpha=1, delta=0.1, x_norm=3)
        assert np.array_equal(value, bounds.bound(name, quantity, m, 1.0, 0.1, 3.0))
        small = ntk_core.bound(name, quantity, m=m[:1].astype(np.int8), alpha=1, delta=0.1, x_norm=3)
        assert small == value[0]


BAD = {
    "m is 3; allowed: ": lambda: ntk_core.simulate(m=3),
    "law is 'worst'; allowed: adversarial": lambda: ntk_core.simulate(law="worst"),
    "runs is 0; allowed: ": lambda: ntk_core.simulate(runs=0),
    "sampler is 'thick'; allowed: ": lambda: ntk_core.simulate(sampler="thick"),
    "alpha is -1; allowed: ": lambda: ntk_core.definitions(seed=0, alpha=-1.0),
    "m·d is 67,108,864; allowed: ": lambda: ntk_core.definitions(seed=0, m=2**20, d=64),
    "quantity is 'E'; allowed: ": lambda: ntk_core.moments("E", law="sphere", m=4, alpha=1),
    "law is 'worst'; allowed: ": lambda: ntk_core.moments("delta1", law="worst", m=4, alpha=1),
    "name is 'best'; allowed: ": lambda: ntk_core.bound("best", "delta1", m=4, alpha=1, delta=0.1),
    "m is 5; allowed: ": lambda: ntk_core.bound("sharp", "delta1", m=[4, 5], alpha=1, delta=0.1),
    "delta is 1; allowed: ": lambda: ntk_core.exact_quantile("delta1", **CELL, delta=1.0),
    "d is 1.5; allowed: ": lambda: ntk_core.exact_quantile("delta1", **CELL, d=1.5, delta=0.1),
    "alpha is nan; allowed: ": lambda: ntk_core.moments("delta1", law="sphere", m=4, alpha=float("nan")),
    "entropy is -1; allowed: ": lambda: ntk_core.simulate(entropy=-1),
    "entropy is 1e+23; allowed: ": lambda: ntk_core.simulate(entropy=1e23),
    "entropy is 'x'; allowed: ": lambda: ntk_core.definitions(seed=0, entropy="x"),
    "m is '64'; allowed: even whole numbers": lambda: ntk_core.simulate(m="64"),
    "m is 'x'; allowed: even whole numbers": lambda: ntk_core.simulate(m=[4, "x"]),
    "m is 3; allowed: even whole numbers": lambda: ntk_core.definitions(seed=0, m=3),
    "law is 'worst'; allowed: adversarial, ": lambda: ntk_core.simulate(law=["sphere", "worst"]),
    "m is [134217728] (134217728 is too wide for 'dense'); ": lambda: ntk_core.simulate(
        m=2**27, sampler="dense"
    ),
    "runs: an experiment of 1,000,000,000,000 runs needs ": lambda: ntk_core.simulate(runs=10**12),
    "m, d, alpha: a block of runs at m = 67,108,864 needs ": lambda: ntk_core.simulate(
        law="frobenius", sampler="dense", m=2**26, d=2**20, runs=1
    ),
    "seed is -1; allowed: a whole number, 0 to 2^40: number of the run": lambda: ntk_core.definitions(
        seed=-1
    ),
    "m is inf; allowed: ": lambda: ntk_core.exact_quantile(
        "delta1", law="sphere", m=math.inf, alpha=1, delta=0.1
    ),
    "m, alpha, delta, x_norm have the shapes (3,), (2,), (), (); allowed: ": lambda: ntk_core.bound(
        "sharp", "delta1", m=[2, 4, 6], alpha=[1, 2], delta=0.1
    ),
    "m is [4, 8]; allowed: one value": lambda: ntk_core.definitions(seed=0, m=[4, 8]),
    "law is ['sphere']; allowed: ": lambda: ntk_core.moments("delta1", law=["sphere"], m=4, alpha=1),
    "m is '64'; allowed: ": lambda: ntk_core.bound("sharp", "delta1", m="64", alpha=1, delta=0.1),
    "m is True; allowed: ": lambda: ntk_core.moments("delta1", law="sphere", m=True, alpha=1),
    "delta is [0.1, 0.2]; allowed: one value of ": lambda: ntk_core.exact_quantile(
        "delta1", **CELL, delta=[0.1, 0.2]
    ),
    "x_norm is 'x'; allowed: ": lambda: ntk_core.exact_quantile("delta1", **CELL, delta=0.1, x_norm="x"),
    "m[0] is 7; allowed: ": lambda: ntk_core.train(**TRAINING | {"m": 7}),
    "runs is -1; allowed: ": lambda: ntk_core.train(**TRAINING, runs=-1),
    "steps is 2.5; allowed: ": lambda: ntk_core.train(**TRAINING | {"steps": 2.5}),
    "d is None (data is 'teacher'); allowed: ": lambda: ntk_core.train(**TRAINING | {"d": None}),
    "classes is [1] (data is 'teacher'); ": lambda: ntk_core.train(**TRAINING, classes=1),
    "runs: an experiment of 2,097,152 runs needs ": lambda: ntk_core.train(
        **TRAINING | {"training_inputs": 2**14}, runs=2**20
    ),
    "m, d, training_inputs, held_out_inputs: a run at m = 1,048,576 needs ": lambda: ntk_core.train(
        **TRAINING | {"m": 2**20, "d": 4096}
    ),
}


LAWS = ("adversarial", "aligned", "sphere")


def test_values_may_be_of_numpy_and_in_any_order():
    values = {"law": LAWS, "m": np.array([8, 4]), "runs": np.int64(3), "entropy": np.int64(5)}
    drawn = ntk_core.simulate(**values)
    assert drawn.equals(ntk_core.simulate(law=list(LAWS), m=(4, 8), runs=3, entropy=5))
    assert drawn.attrs == ntk_core.simulate(law=set(LAWS), m=[4, 8], runs=3, entropy=5).attrs
    labelled = {"law": drawn.perturbation, "m": drawn.m, "alpha": drawn.alpha[0], "runs": 3.0, "entropy": 5.0}
    assert drawn.identical(ntk_core.simulate(**labelled))


@pytest.mark.parametrize("message", BAD)
def test_a_bad_argument_is_one_clear_error(message):
    with pytest.raises(ValueError, match=re.escape(message)) as error:
        BAD[message]()
    assert len(str(error.value).splitlines()) == 1


def test_ctrl_c_ends_a_call_that_is_in_compiled_code():
    """One run of this would take a quarter of an hour."""
    code = "import ntk_core; print('begun', flush=True); ntk_core.simulate(m=2**40, alpha=1e6, runs=1)"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # a shell has jobs in its background ignore it, and so would this process
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as call:
        assert call.stdout.readline() == b"begun\n"
        time.sleep(3.0)
        call.send_signal(signal.SIGINT)
        try:
            _, errors = call.communicate(timeout=120)
        finally:
            call.kill()
    assert errors.splitlines()[-1] == b"KeyboardInterrupt"


def test_every_public_name_is_there_and_says_what_it_is():
    assert set(ntk_core.__all__) <= set(dir(ntk_core))
    assert len(ntk_core.__all__) <= 15
    for name in ntk_core.__all__:
        value = getattr(ntk_core, name)
        assert isinstance(value, (dict, tuple)) or value.__doc__, name
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = ntk_core.nothing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_pages_use_the_public_surface_alone(page):
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"from ntk_core\.|import ntk_core\.", text)
    for names in re.findall(r"from ntk_core import ([\w, ]+)", text):
        assert set(names.replace(" ", "").split(",")) <= set(ntk_core.__all__)
    assert set(re.findall(r"\bntk_core\.(\w+)\(", text)) <= set(ntk_core.__all__)


def test_the_mathematics_loads_numpy_scipy_and_numba_alone():
    """Network, quantities, theory, laws and sampling can be used, compiled and tested without all else."""
    names = ["network", "quantities"]
    for room in ("theory", "laws", "sampling"):
        path = str(ROOT / "src/ntk_core" / room)
        names += [room, *(info.name for info in pkgutil.walk_packages([path], f"{room}."))]
    rooms = [name for name in names if not name.endswith("__main__")]
    assert len(rooms) > 35
    code = "".join(f"import ntk_core.{name}\n" for name in rooms)
    plain = modules_after("import numpy, scipy.special, scipy.optimize, scipy.fft, numba")
    extra = {name.split(".")[0] for name in modules_after(code) - plain}
    third_party = extra - set(sys.stdlib_module_names) - {"ntk_core", "scipy", "numpy", "numba", "llvmlite"}
    assert not third_party


def test_exact_answers_without_datasets():
    code = (
        "from typer.testing import CliRunner\nfrom ntk_core.cli import app\n"
        "arguments = 'exact --m 1024 --alpha 1 --delta 0.001'.split()\n"
        "assert CliRunner().invoke(app, arguments).exit_code == 0"
    )
    assert not modules_after(code) & {"xarray", "netCDF4", "dask", "pandas"}


def test_importing_the_package_loads_nothing():
    assert not modules_after("import ntk_core") & {"numpy", "scipy", "numba", "xarray", "pydantic"}
