# The whole workflow, in the order of the data:
#   config -> shards of runs -> runs.nc -> quantiles.nc -> rates.nc -> claims, figures, summary,
#          -> theory.nc ------------------^                           article, explorable page, manifest, report
# What is trained needs no theory.nc: its radius is measured.
# What each step computes lives in src/ntk_core; every key of the config in config/README.md.

import os
import sys
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

# The library of this checkout, for this process and for the jobs it starts.
SOURCE = str(Path(workflow.basedir) / "src")
sys.path.insert(0, SOURCE)
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [SOURCE, os.environ.get("PYTHONPATH")])))

# Snakemake loads a reader of notebooks, to see that no script is one, and with that, where they are installed, grammars
# of internet addresses that nobody asks for: two seconds a call.
sys.modules.setdefault("rfc3987_syntax", None)

from ntk_core.bundle import sources
from ntk_core.checksums import seal_path
from ntk_core.config import ConfigError, parse_config
from ntk_core.config_file import read_config_file, with_law_paths
from ntk_core.estimate import estimate
from ntk_core.figures import FIGURES, TRAINING_FIGURES
from ntk_core.keeping import Keeper, sweep
from ntk_core.ownership import OccupiedError, claim, recover
from ntk_core.plan import Plan, library_digest
from ntk_core.progress import Job, Monitor
from ntk_core.resources import analysis_memory, analysis_minutes, shard_memory, shard_minutes

min_version("9.0")

DEFAULT_CONFIG = Path(workflow.basedir) / "config" / "config.yaml"

# Before Snakemake reads the default file. One of the command line it has read already, but not checked.
try:
    for file in workflow.overwrite_configfiles or [DEFAULT_CONFIG] if workflow.is_main_process else []:
        read_config_file(Path(file))
except ConfigError as error:
    raise WorkflowError(f"The config cannot be run:\n{error}") from None

# A config file given on the command line replaces the default one whole.
if not workflow.overwrite_configfiles:

    configfile: DEFAULT_CONFIG


report: "workflow/report/workflow.rst"


# Snakemake knows whether it only looks when it has read this file, not before.
LOOKING = not {"-n", "--dry-run", "--dryrun"}.isdisjoint(sys.argv)

# Jobs at once: on this machine, and on a cluster.
CORES = workflow.resource_settings.cores or 1
NODES = workflow.resource_settings.nodes

try:
    # In place, because the call that writes the report gets this config in another folder.
    config.update(with_law_paths(config, workflow.overwrite_configfiles or [DEFAULT_CONFIG]))
    PLAN = Plan(parse_config(config), Path("results"))
    if workflow.is_main_process:
        PLAN.check_resources(here=NODES is None)
        PLAN.check_laws()
        if not os.access(".", os.W_OK):
            raise ConfigError(f"nothing can be written in {Path.cwd()}: choose another --directory")
        if not LOOKING and (told := recover(Path(".snakemake"))):
            print(told, file=sys.stderr)
        print(estimate(PLAN, NODES or CORES), file=sys.stderr)
except ConfigError as error:
    raise WorkflowError(f"The config cannot be run:\n{error}") from None

EXPERIMENTS = list(PLAN.config.experiments)
GRIDS = PLAN.config.grids
TRAININGS = PLAN.config.trainings
# As patterns for wildcards; the last matches nothing.
DRAWN = "|".join(GRIDS) or "(?!)"
TRAINED = "|".join(TRAININGS) or "(?!)"
EXECUTION = PLAN.config.execution
DATA = [Path(f"results/{e}/{kind}.nc") for e in EXPERIMENTS for kind in ("runs", "quantiles", "rates")]
DATA += [Path(f"results/{e}/theory.nc") for e in GRIDS]
DRAWINGS = [
    Path(f"results/figures/{e}-{figure}.{suffix}")
    for names, figures in ((GRIDS, FIGURES), (TRAININGS, TRAINING_FIGURES))
    for e in names
    for figure in figures
    for suffix in ("svg", "pdf", "png")
]
CLAIMS = Path("results/claims.json")
SUMMARY = Path("results/summary.txt")
FINDINGS = Path("results/findings.html")
EXPLORE = [Path("results/explore.html")] if GRIDS else []
MANIFEST = Path("results/manifest.json")
SEAL = seal_path(MANIFEST)
REPORT = Path("results/report.html")
ARCHIVE = [Path("archive.zip"), Path("archive/manifest.json"), Path("archive/manifest.json.sha256")]
MONITOR = Monitor([Job(PLAN.path(s), s.runs, s.cost()) for s in PLAN.all_shards])
KEEPER = Keeper(DATA + DRAWINGS + [CLAIMS, SUMMARY, FINDINGS, *EXPLORE, MANIFEST, SEAL, REPORT, *ARCHIVE])
LIBRARY = library_digest()


include: "workflow/rules/simulate.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/training.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/archive.smk"


rule all:
    default_target: True
    input:
        rules.results.input,
        rules.manifest.output,
        rules.report.output,


onstart:
    try:
        claim(Path(".snakemake"))
    except OccupiedError as error:
        raise WorkflowError(str(error)) from None
    sweep(Path("results"))
    KEEPER.restore()
    KEEPER.keep()
    MONITOR.start()


onsuccess:
    MONITOR.stop()
    KEEPER.forget()
    if SUMMARY.exists():
        print(SUMMARY.read_text())


onerror:
    MONITOR.stop()
    KEEPER.restore()
