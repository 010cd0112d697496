# `snakemake reanalyse --config archive=PATH`: an archive is verified, then its runs are analysed again. No run is made.
# All of it lands in `reanalysis/`; nothing is written into the archive.
from ntk_core.experiments.cost import reading_request, verification_request
from ntk_core.storage.checksums import seal_path
from ntk_core.workdir.run import FORMATS, Session, plan_reanalysis

REANALYSIS = checked(plan_reanalysis, config)
SUMMARY = Path("reanalysis/summary.txt")
MANIFEST = Path("reanalysis/manifest.json")
SEAL = seal_path(MANIFEST)
MADE = [Path(f"reanalysis/{e}/{kind}.nc") for e in REANALYSIS.selections for kind in ("quantiles", "rates")]
WITH_FIGURES = [e for e, figures in REANALYSIS.figures.items() if figures]
DRAWINGS = [
    Path(f"reanalysis/figures/{experiment}-{figure}.{suffix}")
    for experiment, figures in REANALYSIS.figures.items()
    for figure in figures
    for suffix in FORMATS
]
MADE += [*DRAWINGS, Path("reanalysis/archive.json"), SUMMARY]
TARGETS = [MANIFEST]
SESSION = Session(SUMMARY)


rule reanalyse:
    input:
        MANIFEST,


# Every byte of the archive against its manifest, before a number is taken from it.
rule verify_archive:
    output:
        "reanalysis/archive.json",
    log:
        "logs/verify_archive.log",
    conda:
        "../../environment.yml"
    resources:
        **memory_and_time(lambda wildcards, threads, attempt: verification_request(REANALYSIS.path, attempt)),
    params:
        manifest=REANALYSIS.manifest,
        # What else is asked of the archive, or by another version, reads it again.
        selections={name: str(selection) for name, selection in REANALYSIS.selections.items()},
        library=LIBRARY,
    message:
        "Verifying the archive"
    script:
        "../scripts/verify_archive.py"


# Quantiles, moments, bounds and rates of what is selected.
rule reanalyse_experiment:
    input:
        "reanalysis/archive.json",
    output:
        quantiles="reanalysis/{experiment}/quantiles.nc",
        rates="reanalysis/{experiment}/rates.nc",
    log:
        "logs/{experiment}/reanalyse_experiment.log",
    conda:
        "../../environment.yml"
    threads: REANALYSIS.execution.threads
    resources:
        **memory_and_time(
            lambda wildcards, threads, attempt: reading_request(
                [REANALYSIS.experiments[wildcards.experiment]],
                REANALYSIS.level_count(wildcards.experiment),
                threads,
                attempt,
            )
        ),
    params:
        selection=lambda wildcards: str(REANALYSIS.selections[wildcards.experiment]),
        library=LIBRARY,
    message:
        "Reanalysing {wildcards.experiment}"
    script:
        "../scripts/reanalyse_experiment.py"


rule redraw_figures:
    input:
        **tables("reanalysis", WITH_FIGURES),
    output:
        DRAWINGS,
    log:
        "logs/redraw_figures.log",
    conda:
        "../../environment.yml"
    params:
        library=LIBRARY,
    message:
        "Drawing the figures"
    script:
        "../scripts/figures.py"


rule rewrite_summary:
    input:
        **tables("reanalysis", REANALYSIS.with_error("drawn")),
        **tables("reanalysis", REANALYSIS.with_error("trained"), "trained_"),
    output:
        SUMMARY,
    log:
        "logs/rewrite_summary.log",
    conda:
        "../../environment.yml"
    params:
        library=LIBRARY,
        drawn=bool(DRAWINGS),
        reanalysis=True,
    message:
        "Writing the summary"
    script:
        "../scripts/summary.py"


# Size and SHA-256 of every file above, for `ntk-core verify reanalysis`.
rule rewrite_manifest:
    input:
        MADE,
    output:
        MANIFEST,
        SEAL,
    log:
        "logs/rewrite_manifest.log",
    conda:
        "../../environment.yml"
    params:
        library=LIBRARY,
    message:
        "Writing the manifest"
    script:
        "../scripts/manifest.py"
