# All figures of an experiment in one job: loading the plotting library takes longer than drawing one.
rule figures:
    input:
        quantiles=["results/{experiment}/quantiles.nc"],
        rates=["results/{experiment}/rates.nc"],
    output:
        [
            report(
                f"results/figures/{{experiment}}-{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="{experiment}",
                labels={"figure": figure},
            )
            for figure in FIGURES
        ],
        [
            f"results/figures/{{experiment}}-{figure}.{suffix}"
            for figure in FIGURES
            for suffix in ("pdf", "png")
        ],
    log:
        "logs/{experiment}/figures.log",
    wildcard_constraints:
        experiment=DRAWN,
    conda:
        "../../environment.yml"
    params:
        library=LIBRARY,
    message:
        "Drawing the figures of {wildcards.experiment}"
    script:
        "../scripts/figures.py"


# The same for what is trained, which has other figures.
use rule figures as training_figures with:
    output:
        [
            report(
                f"results/figures/{{experiment}}-{figure}.svg",
                caption=f"../report/{figure}.rst",
                category="{experiment}",
                labels={"figure": figure},
            )
            for figure in TRAINING_FIGURES
        ],
        [
            f"results/figures/{{experiment}}-{figure}.{suffix}"
            for figure in TRAINING_FIGURES
            for suffix in ("pdf", "png")
        ],
    wildcard_constraints:
        experiment=TRAINED,
