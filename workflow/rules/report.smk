# All that is made from the config, but for the report on it.
rule results:
    input:
        DATA,
        DRAWINGS,
        CLAIMS,
        SUMMARY,
        FINDINGS,
        EXPLORE,


# The article a person reads: the question, the answer in one figure, then claim by claim.
rule findings:
    input:
        claims=CLAIMS,
        quantiles=expand("results/{experiment}/quantiles.nc", experiment=GRIDS),
        rates=expand("results/{experiment}/rates.nc", experiment=GRIDS),
        trained_quantiles=expand("results/{experiment}/quantiles.nc", experiment=TRAININGS),
        trained_rates=expand("results/{experiment}/rates.nc", experiment=TRAININGS),
        figures=[path for path in DRAWINGS if path.suffix == ".svg"],
        captions=[
            Path(workflow.basedir) / f"workflow/report/{figure}.rst" for figure in FIGURES + TRAINING_FIGURES
        ],
        proofs=Path(workflow.basedir) / "docs/theory.md",
    output:
        report(
            FINDINGS,
            caption="../report/findings.rst",
            category="Findings",
            labels={"document": "the article"},
        ),
    log:
        "logs/findings.log",
    conda:
        "../../environment.yml"
    params:
        library=LIBRARY,
    message:
        "Writing the findings"
    script:
        "../scripts/findings.py"


# The page on which a reader chooses a cell: its runs, quantiles and bounds. Only grids have cells.
rule explore:
    input:
        runs=expand("results/{experiment}/runs.nc", experiment=GRIDS),
        quantiles=expand("results/{experiment}/quantiles.nc", experiment=GRIDS),
    output:
        "results/explore.html",
    log:
        "logs/explore.log",
    conda:
        "../../environment.yml"
    threads: EXECUTION.threads
    resources:
        mem_mb=lambda wildcards, threads, attempt: analysis_request(PLAN, GRIDS, threads, attempt).mem_mb,
        runtime=lambda wildcards, threads, attempt: analysis_request(PLAN, GRIDS, threads, attempt).runtime,
    params:
        library=LIBRARY,
    message:
        "Writing the explorable page"
    script:
        "../scripts/explore.py"


# Size and SHA-256 of every file above, for `ntk-core verify`.
rule manifest:
    input:
        rules.results.input,
    output:
        MANIFEST,
        SEAL,
    log:
        "logs/manifest.log",
    conda:
        "../../environment.yml"
    params:
        library=LIBRARY,
    message:
        "Writing the manifest"
    script:
        "../scripts/manifest.py"


# Snakemake's own report on all of the above. It is made by a second, read-only Snakemake on the same
# config, so that it is made with the results and not on a dry run.
rule report:
    input:
        rules.results.input,
    output:
        REPORT,
    log:
        "logs/report.log",
    conda:
        "../../environment.yml"
    message:
        "Writing the report"
    script:
        "../scripts/report.py"
