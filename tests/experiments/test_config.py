from __future__ import annotations

import copy
import json

import jsonschema
import pytest
import yaml
from conftest import ROOT

from ntk_core.experiments.config import parse_config, schema
from ntk_core.experiments.config_file import with_law_paths
from ntk_core.experiments.section import ConfigError

GOOD = {
    "entropy": 1,
    "experiments": {
        "t": {
            "sampler": "band",
            "perturbation": ["adversarial"],
            "m": [1024, 64],
            "d": [2],
            "alpha": [1, 0.5],
            "seeds": 10,
        }
    },
}

TLS = {"ca_file": "ca.pem", "cert": "cert.pem", "key": "key.pem"}
JOBS = {"system": "slurm", "cores": 2, "memory": "4GB"}

BAD = [
    ("experiments.t.m", [63], "experiments.t.m[0] is 63", "even whole numbers"),
    ("experiments.t.m", [0], "experiments.t.m[0] is 0", "2 to 2^40"),
    ("experiments.t.m", [64, 2**41], "experiments.t.m[1] is 2199023255552", "2 to 2^40"),
    ("experiments.t.m", [], "experiments.t.m is []", "even whole numbers"),
    ("experiments.t.m", [64, 64], "experiments.t.m is [64, 64] (64 appears twice)", "each once"),
    ("experiments.t.m", ["64"], "experiments.t.m[0] is '64' (text", "even whole numbers"),
    ("experiments.t.m", 64, "experiments.t.m is 64", "a list"),
    ("experiments.t.m", [64.5], "experiments.t.m[0] is 64.5", "even whole numbers"),
    ("experiments.t.d", [0], "experiments.t.d[0] is 0", "1 to 2^20"),
    ("experiments.t.d", [], "experiments.t.d is []", "1 to 2^20"),
    ("experiments.t.alpha", [-1], "experiments.t.alpha[0] is -1", "1.0e-9 to"),
    ("experiments.t.alpha", [float("nan")], "experiments.t.alpha[0] is nan", "1.0e-9 to"),
    ("experiments.t.alpha", ["1e-3"], "experiments.t.alpha[0] is '1e-3' (text", "1.0e-9 to"),
    ("experiments.t.alpha", [1, 1.0], "experiments.t.alpha is [1, 1.0]", "each once"),
    (
        "experiments.t.perturbation",
        ["gaussian"],
        "perturbation[0] is 'gaussian'",
        "adversarial, aligned, sphere",
    ),
    (
        "experiments.t.perturbation",
        ["frobenius", "sphere"],
        "experiments.t.perturbation is ['frobenius', 'sphere'] (frobenius bounds another norm",
        "or [frobenius]",
    ),
    (
        "experiments.t.perturbation",
        "frobenius",
        "perturbation is 'frobenius'; allowed: a list",
        "or [frobenius]",
    ),
    ("experiments.t.sampler", "dens", "experiments.t.sampler is 'dens'", "'band' or 'dense'"),
    ("experiments.t.seeds", 0, "experiments.t.seeds is 0", "a whole number"),
    ("experiments.t.seeds", True, "experiments.t.seeds is True", "a whole number"),
    ("experiments.t.seeds", "many", "experiments.t.seeds is 'many'", "a whole number"),
    ("experiments.t.widths", [2], "experiments.t.widths: unknown key", "sampler, perturbation, m"),
    ("experiments", {}, "experiments is {}", "at least one experiment"),
    ("experiments", {"../x": GOOD["experiments"]["t"]}, "experiments has the name '../x'", "letters, digits"),
    ("experiments", {"a\n": GOOD["experiments"]["t"]}, "experiments has the name 'a\\n'", "letters, digits"),
    ("experiments", {"laws": GOOD["experiments"]["t"]}, "the name 'laws' (a folder of", "not figures, laws"),
    ("analysis.delta", [1], "analysis.delta[0] is 1", "numbers, 1.0e-9 to 0.999"),
    ("analysis.delta", [0.1, 0], "analysis.delta[1] is 0", "numbers, 1.0e-9 to 0.999"),
    ("analysis.x_norm", [0.0], "analysis.x_norm[0] is 0.0", "numbers"),
    (
        "experiments.t.law",
        ["sphere"],
        "experiments.t.law: unknown key (did you mean 'perturbation'?)",
        "sampler, perturbation, m",
    ),
    ("law", {}, "law: unknown key (did you mean 'laws'?)", "entropy, experiments"),
    ("analysis.norm", [1.0], "analysis.norm: unknown key", "delta, x_norm"),
    ("analysis", None, "analysis is None", "delta, x_norm"),
    ("entropy", -1, "entropy is -1", "0 to 2^128 - 1"),
    ("entropy", "x", "entropy is 'x'", "0 to 2^128 - 1"),
    ("seeds", 3, "seeds: unknown key", "entropy, experiments, analysis, execution"),
    ("execution.shard_seeds", 1000, "execution.shard_seeds is 1000", "multiple of 1024"),
    ("execution.scheduler", "localhost", "execution.scheduler is 'localhost'", "tcp://127.0.0.1:8786"),
    (
        "execution.scheduler",
        "tcp://0.0.0.0:8786",
        "'tcp://0.0.0.0:8786' (beyond this machine, without TLS)",
        "tls://host:8786 elsewhere",
    ),
    ("execution.scheduler", "tcp://login:8786", "'tcp://login:8786' (beyond this machine", "tcp://127.0.0.1"),
    ("execution.scheduler", "tcp://127.0.0.1.org:1", "(beyond this machine, without TLS)", "tcp://127.0.0.1"),
    ("execution.scheduler", "tcp://[::]:8786", "(beyond this machine, without TLS)", "tcp://127.0.0.1"),
    ("execution.scheduler", "tcp://127.0.0.1", "(no host and port)", "tcp://127.0.0.1:8786"),
    (
        "execution.scheduler",
        "tls://login:8786",
        "execution.tls is None (execution.scheduler is a tls://",
        "ca_file, cert, key",
    ),
    (
        "execution",
        {"scheduler": "tcp://127.0.0.1:8786", "tls": TLS},
        "(execution.scheduler is no tls:// address)",
        "with a scheduler of tls://",
    ),
    ("execution.tls", TLS, "(execution.scheduler is no tls:// address)", "with a scheduler of tls://"),
    ("execution.tls", {"ca_file": "a", "cert": "b"}, "execution.tls.key is missing", "private key"),
    ("execution.tls", {**TLS, "ca": ""}, "execution.tls.ca: unknown key", "ca_file, cert, key"),
    (
        "execution",
        {"workers": "processes", "scheduler": "tcp://127.0.0.1:8786"},
        "execution.scheduler is 'tcp://127.0.0.1:8786' (execution.workers is 'processes')",
        "null, or with workers: threads",
    ),
    (
        "execution",
        {"dashboard": True, "scheduler": "tcp://127.0.0.1:8786"},
        "execution.dashboard is True (execution.scheduler is 'tcp://127.0.0.1:8786')",
        "false with a scheduler",
    ),
    ("execution.jobqueue", JOBS, "(execution.workers is 'threads')", "with workers: jobqueue"),
    ("execution.workers", "mpi", "execution.workers is 'mpi'", "'threads', 'processes' or 'jobqueue'"),
    ("execution.workers", "jobqueue", "execution.jobqueue is None (execution.workers is", "system, cores"),
    ("execution.jobqueue", {**JOBS, "nodes": 2}, "execution.jobqueue.nodes: unknown key", "system, cores"),
    ("execution.jobqueue", {**JOBS, "queue": "a\n#SBATCH -x"}, "execution.jobqueue.queue is", "partition"),
    ("execution.jobqueue", {**JOBS, "minimum": 2}, "(maximum 1 is below minimum 2)", "system, cores"),
    ("execution.jobqueue", {**JOBS, "memory": "4"}, "execution.jobqueue.memory is '4'", "4GB"),
    ("execution.dashboard", 1, "execution.dashboard is 1", "true or false"),
]


def changed(path: str, value: object) -> dict:
    config = copy.deepcopy(GOOD)
    *parents, last = path.split(".")
    at = config
    for part in parents:
        at = at.setdefault(part, {})
    at[last] = value
    return config


@pytest.mark.parametrize(("path", "value", "names", "allows"), BAD)
def test_bad_values_are_named_with_what_is_allowed(path, value, names, allows):
    with pytest.raises(ConfigError) as error:
        parse_config(changed(path, value))
    lines = str(error.value).splitlines()
    assert len(lines) == 1
    assert names in lines[0]
    assert allows in str(error.value)


@pytest.mark.parametrize(
    "execution",
    [
        *({"scheduler": f"tcp://{host}:8786"} for host in ("127.0.0.1", "127.1.2.3", "localhost", "[::1]")),
        {"scheduler": "tls://login.example:8786", "tls": TLS},
        {"workers": "jobqueue", "jobqueue": {**JOBS, "maximum": 8, "directives": ["--account=physics"]}},
    ],
)
def test_ways_to_spread_the_work_are_taken(execution):
    parsed = parse_config({**GOOD, "execution": execution}).execution
    assert parsed.model_dump(exclude_unset=True) == execution


def test_missing_keys_and_several_faults_at_once():
    config = changed("experiments.t.m", [3])
    del config["entropy"], config["experiments"]["t"]["seeds"]
    with pytest.raises(ConfigError) as error:
        parse_config(config)
    assert [line.split(" ")[0] for line in str(error.value).splitlines()] == [
        "entropy",
        "experiments.t.m[0]",
        "experiments.t.seeds",
    ]


@pytest.mark.parametrize("raw", [None, [], 5, "text", {1: 2}, GOOD | {None: 1}, GOOD | {"entropy": 10**5000}])
def test_odd_files_get_a_message_too(raw):
    with pytest.raises(ConfigError, match="; allowed: "):
        parse_config(raw)


def test_order_of_laws_is_no_content():
    config = changed("experiments.t.perturbation", ["sphere", "adversarial"])
    assert parse_config(config).experiment("t").perturbation == ("adversarial", "sphere")


def test_dense_is_refused_where_it_cannot_run():
    config = changed("experiments.t.m", [2**30])
    config["experiments"]["t"]["sampler"] = "dense"
    with pytest.raises(ConfigError, match="too wide for 'dense'"):
        parse_config(config)


def test_axes_are_sorted_and_analysis_has_defaults():
    config = parse_config(GOOD)
    experiment = config.experiment("t")
    assert experiment.m == (64, 1024)
    assert experiment.alpha == (0.5, 1.0)
    assert config.delta == (0.001, 0.01, 0.1, 0.5)
    assert config.x_norm == (0.1, 1.0, 10.0)


@pytest.mark.parametrize(
    "file",
    [
        "config.yaml",
        *(f"examples/{name}.yaml" for name in ("tiny", "big", "tail", "widest", "lazy", "own_law")),
    ],
)
def test_shipped_configs_are_valid_and_name_their_schema(file):
    path = ROOT / "config" / file
    raw = yaml.safe_load(path.read_text())
    parse_config(with_law_paths(raw, [path]))
    published = (ROOT / "workflow/schemas/config.schema.json").read_text()
    jsonschema.validate(raw, json.loads(published))
    first = path.read_text().splitlines()[0]
    assert (path.parent / first.partition("$schema=")[2]).resolve().name == "config.schema.json"


def test_published_schema_is_that_of_the_code():
    assert (ROOT / "workflow/schemas/config.schema.json").read_text() == schema(), "run `make schema`"


def test_default_grid_spans_what_the_theorem_is_shown_on():
    config = parse_config(yaml.safe_load((ROOT / "config/config.yaml").read_text()))
    experiments = [config.experiment(name) for name in config.experiments]
    assert sum(experiment.runs for experiment in experiments) >= 10**6
    band = config.experiment("theorem1")
    assert band.m[0] == 2**6
    assert band.m[-1] == 2**30
    assert len(band.alpha) >= 3
    assert band.d == (2, 64)
    assert set(band.perturbation) == {"adversarial", "aligned", "sphere"}
    assert any(experiment.sampler == "dense" for experiment in experiments)


def test_tilted_is_refused_where_runs_are_not_stored_or_pairs_depend_on_each_other():
    for key, value, problem in (
        ("keep", "aggregates", "have weights and do not add up"),
        ("perturbation", ["frobenius"], "moves all pairs together"),
    ):
        config = changed(f"experiments.t.{key}", value)
        config["experiments"]["t"]["sampler"] = "tilted"
        with pytest.raises(ConfigError, match=problem) as error:
            parse_config(config)
        assert str(error.value).startswith(f"experiments.t.{key} is ")
        assert len(str(error.value).splitlines()) == 1
