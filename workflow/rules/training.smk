# What is trained: moments and bounds along training, and rates, of all widths at once.
rule training:
    input:
        runs="results/{experiment}/runs.nc",
    output:
        quantiles="results/{experiment}/quantiles.nc",
        rates="results/{experiment}/rates.nc",
    log:
        "logs/{experiment}/training.log",
    wildcard_constraints:
        experiment=TRAINED,
    conda:
        "../../environment.yml"
    resources:
        **READING,
    params:
        delta=PLAN.config.delta,
        x_norm=PLAN.config.x_norm,
        library=LIBRARY,
    message:
        "Computing what training did in {wildcards.experiment}"
    script:
        "../scripts/training.py"
