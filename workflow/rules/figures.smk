# All figures of an experiment in one job: loading the plotting library takes longer than drawing one. A rule an
# experiment, because each has the figures that its axes have something for.
for EXPERIMENT, FIGURES in RUN.figure_names.items():

    rule:
        name:
            f"figures_{EXPERIMENT}"
        input:
            **tables("results", [EXPERIMENT]),
        output:
            [
                report(
                    f"results/figures/{EXPERIMENT}-{figure}.svg",
                    caption=f"../report/{figure}.rst",
                    category=EXPERIMENT,
                    labels={"figure": figure},
                )
                for figure in FIGURES
            ],
            [
                f"results/figures/{EXPERIMENT}-{figure}.{suffix}"
                for figure in FIGURES
                for suffix in FORMATS
                if suffix != "svg"
            ],
        log:
            f"logs/{EXPERIMENT}/figures.log",
        group:
            "tables"
        conda:
            "../../environment.yml"
        params:
            library=LIBRARY,
        message:
            f"Drawing the figures of {EXPERIMENT}"
        script:
            "../scripts/figures.py"
