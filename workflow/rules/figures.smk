# Each figure by itself, so that a lost one is redrawn alone; three formats of the same drawing.
for FIGURE in FIGURES:

    rule:
        name:
            f"figure_{FIGURE}"
        input:
            quantiles="results/{experiment}/quantiles.nc",
            rates="results/{experiment}/rates.nc",
        output:
            report(
                f"results/figures/{{experiment}}-{FIGURE}.svg",
                caption=f"../report/{FIGURE}.rst",
                category="{experiment}",
                labels={"figure": FIGURE},
            ),
            f"results/figures/{{experiment}}-{FIGURE}.pdf",
            f"results/figures/{{experiment}}-{FIGURE}.png",
        log:
            f"logs/{{experiment}}/figure_{FIGURE}.log",
        conda:
            "../../environment.yml"
        params:
            figure=FIGURE,
            library=LIBRARY,
        message:
            f"Drawing the figure {FIGURE} of {{wildcards.experiment}}"
        script:
            "../scripts/figure.py"
