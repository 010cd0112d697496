# All that is made from the config, but for the report on it.
rule results:
    input:
        RUN.products,


# The article a person reads: the question, the answer in one figure, then claim by claim.
rule findings:
    input:
        **tables("results", [e for e in PLAN.config.drawn if e in EXPERIMENTS]),
        **tables("results", PLAN.config.trained, "trained_"),
        claims=RUN.claims,
        figures=[path for path in RUN.figures if path.suffix == ".svg"],
        captions=[
            CHECKOUT / f"workflow/report/{figure}.rst"
            for figure in dict.fromkeys(name for names in RUN.figure_names.values() for name in names)
        ],
        proofs=CHECKOUT / "docs/theory.md",
        notes=CHECKOUT / "docs/notes.md",
    output:
        report(
            RUN.findings,
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


# The page on which a reader chooses a cell: the runs of grids, quantiles, bounds and slopes. Grids in another ball than
# that of Theorem 1 have no bounds, and are not on it.
rule explore:
    input:
        **tables("results", PLAN.config.experiments_in_ball),
        **tables("results", PLAN.config.trained, "trained_"),
    output:
        RUN.explore,
    log:
        "logs/explore.log",
    priority: -1  # only manifest, report and archive wait for it
    conda:
        "../../environment.yml"
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
        RUN.manifest,
        seal_path(RUN.manifest),
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
        RUN.report,
    log:
        "logs/report.log",
    conda:
        "../../environment.yml"
    message:
        "Writing the report"
    script:
        "../scripts/report.py"
