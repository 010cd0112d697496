# What a config asks for: the plan, the files, and the rules that make them.
from ntk_core.archive.write import sources
from ntk_core.storage.checksums import seal_path
from ntk_core.experiments.config import parse_config
from ntk_core.experiments.config_file import with_law_paths
from ntk_core.experiments.cost import analysis_request, check_size, estimate, shard_request
from ntk_core.execution.workers import check as check_execution
from ntk_core.figures import FIGURES, TRAINING_FIGURES
from ntk_core.experiments.plan import Plan
from ntk_core.workdir.progress import Job

try:
    # In place, because the call that writes the report gets this config in another folder.
    config.update(with_law_paths(config, workflow.overwrite_configfiles or [DEFAULT_CONFIG]))
    PLAN = Plan(parse_config(config), Path("results"))
    if workflow.is_main_process:
        check_execution(PLAN.config.execution)
        check_size(PLAN, here=NODES is None)
        PLAN.check_laws()
        print(estimate(PLAN, NODES or CORES), file=sys.stderr)
except ConfigError as error:
    raise WorkflowError(f"The config cannot be run:\n{error}") from None

EXPERIMENTS = list(PLAN.config.experiments)
GRIDS = PLAN.config.drawn
TRAININGS = PLAN.config.trained
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
