# What a config asks for: the plan, the files, and the rules that make them.
from ntk_core.archive.write import sources
from ntk_core.experiments.cost import analysis_request, shard_request
from ntk_core.storage.checksums import seal_path
from ntk_core.workdir.run import FORMATS, check_run, plan_run

RUN = checked(plan_run, config, FILES)
PLAN, EXECUTION = RUN.plan, RUN.plan.config.execution
# Runs with weights are in tables and in the summary only.
EXPERIMENTS = PLAN.config.experiments_without_weights
# Cores of this machine, and jobs at once on a cluster (None without one).
CORES, NODES = workflow.resource_settings.cores or 1, workflow.resource_settings.nodes
# A job's own process makes one file, and has no session.
if workflow.is_main_process:
    SESSION = checked(check_run, RUN, CORES, NODES, workflow.output_settings.dryrun)
DRAWN, TRAINED = any_of(PLAN.config.drawn), any_of(PLAN.config.trained)
# Memory and time of a job that reads all runs of an experiment.
READING = memory_and_time(
    lambda wildcards, threads, attempt: analysis_request(PLAN, [wildcards.experiment], threads, attempt)
)


include: "simulate.smk"
include: "analyse.smk"
include: "training.smk"
include: "figures.smk"
include: "report.smk"
include: "archive.smk"


# Without an archive, as here, Snakemake says that the input is missing; with one, reanalyse.smk has the rule.
rule reanalyse:
    input:
        "an archive, which is named so: snakemake reanalyse --config archive=PATH",


TARGETS = [*rules.results.input, *rules.manifest.output, *rules.report.output]
