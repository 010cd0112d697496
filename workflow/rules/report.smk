# All that is made from the config, but for the report on it.
rule results:
    input:
        DATA,
        DRAWINGS,
        CLAIMS,
        SUMMARY,


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
