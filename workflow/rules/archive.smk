# `snakemake archive`: everything a reader needs in ten years, as one folder and as one file.
rule archive:
    input:
        results=rules.results.input,
        sources=[CHECKOUT / path for path in sources(CHECKOUT)],
    output:
        RUN.archive,
    log:
        "logs/archive.log",
    conda:
        "../../environment.yml"
    params:
        library=LIBRARY,
    message:
        "Making the archive"
    script:
        "../scripts/archive.py"
