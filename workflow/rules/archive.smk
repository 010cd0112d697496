# `snakemake archive`: everything a reader needs in ten years, as one folder and as one file.
rule archive:
    input:
        results=rules.results.input,
        sources=[Path(workflow.basedir) / path for path in sources(Path(workflow.basedir))],
    output:
        ARCHIVE,
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
