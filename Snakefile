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

from ntk_core.experiments.section import ConfigError
from ntk_core.experiments.config_file import read_config_file
from ntk_core.workdir.owner import OccupiedError, cancel_jobs, claim, sweep
from ntk_core.execution.versions import library_digest
from ntk_core.workdir.progress import Monitor

min_version("9.0")

DEFAULT_CONFIG = Path(workflow.basedir) / "config" / "config.yaml"

# Before Snakemake reads the default file. One of the command line it has read already, but not checked.
try:
    named = workflow.overwrite_configfiles or ([] if "archive" in config else [DEFAULT_CONFIG])
    for file in named if workflow.is_main_process else []:
        read_config_file(Path(file))
except ConfigError as error:
    raise WorkflowError(f"The config cannot be run:\n{error}") from None

# A config file given on the command line replaces the default one whole, and so does an archive to look at anew.
if not workflow.overwrite_configfiles and "archive" not in config:

    configfile: DEFAULT_CONFIG


report: "workflow/report/workflow.rst"


# Jobs at once: on this machine, and on a cluster.
CORES = workflow.resource_settings.cores or 1
NODES = workflow.resource_settings.nodes

LIBRARY = library_digest()


# Which rules there are: those that make results from a config, or those that look at an archive anew. Either names
# its TARGETS, its SUMMARY, and a MONITOR of its progress.
include: f"workflow/rules/{'reanalyse' if 'archive' in config else 'run'}.smk"


if workflow.is_main_process and not os.access(".", os.W_OK):
    raise WorkflowError(f"nothing can be written in {Path.cwd()}: choose another --directory")


rule all:
    default_target: True
    input:
        TARGETS,


# Only where jobs are about to start: a dry run, --summary, --lint or --report never gets here.
onstart:
    try:
        claim()
    except (OccupiedError, PermissionError) as error:
        raise WorkflowError(str(error)) from None
    if jobs := cancel_jobs(Path(".snakemake")):
        print(f"The jobs {', '.join(jobs)} of an earlier run were cancelled.", file=sys.stderr)
    sweep(SUMMARY.parent)
    MONITOR.start()


onsuccess:
    MONITOR.stop()
    if SUMMARY.exists():
        print(SUMMARY.read_text())


onerror:
    MONITOR.stop()
