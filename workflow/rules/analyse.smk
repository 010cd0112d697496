# What is known of the grid without a run: exact quantiles and moments, bounds. Needs no runs, so it fills
# the core that idles while they are collected.
rule theory:
    output:
        theory="results/{experiment}/theory.nc",
    log:
        "logs/{experiment}/theory.log",
    wildcard_constraints:
        experiment=DRAWN,
    conda:
        "../../environment.yml"
    threads: EXECUTION.threads
    resources:
        **READING,
    params:
        grid=lambda wildcards: PLAN.grid_identity(wildcards.experiment),
        delta=PLAN.config.delta,
        x_norm=PLAN.config.x_norm,
        library=LIBRARY,
    message:
        "Computing what theory says of {wildcards.experiment}"
    script:
        "../scripts/theory.py"


# Quantiles, moments, bounds and exceedances of every cell; slopes against the width, and the constants in front.
rule quantiles:
    input:
        data=lambda wildcards: PLAN.data(wildcards.experiment),
        theory="results/{experiment}/theory.nc",
    output:
        quantiles="results/{experiment}/quantiles.nc",
        rates="results/{experiment}/rates.nc",
    log:
        "logs/{experiment}/quantiles.log",
    wildcard_constraints:
        experiment=DRAWN,
    conda:
        "../../environment.yml"
    threads: lambda wildcards: PLAN.sorting_threads(wildcards.experiment, CORES)
    resources:
        **READING,
    params:
        library=LIBRARY,
    message:
        "Computing the quantiles and rates of {wildcards.experiment}"
    script:
        "../scripts/quantiles.py"


# Every statement of the notes with its verdict, from all archived runs and the exact laws.
rule claims:
    input:
        **tables("results", EXPERIMENTS),
        data=[PLAN.data(experiment) for experiment in EXPERIMENTS],
    output:
        RUN.claims,
    log:
        "logs/claims.log",
    conda:
        "../../environment.yml"
    threads: EXECUTION.threads
    resources:
        **memory_and_time(
            lambda wildcards, threads, attempt: analysis_request(PLAN, EXPERIMENTS, threads, attempt)
        ),
    params:
        library=LIBRARY,
    message:
        "Judging the statements of the notes"
    script:
        "../scripts/claims.py"


# What a person wants to know first, as text.
rule summary:
    input:
        **tables("results", PLAN.config.drawn),
        **tables("results", PLAN.config.trained, "trained_"),
        claims=[RUN.claims] if EXPERIMENTS else [],
    output:
        RUN.summary,
    log:
        "logs/summary.log",
    conda:
        "../../environment.yml"
    params:
        library=LIBRARY,
    message:
        "Writing the summary"
    script:
        "../scripts/summary.py"
