"""Quantiles and rates of all experiments, and of a run its claims, in, a page of text out."""

from ntk_core.execution.job import begin

begin()

import logging
from pathlib import Path

from ntk_core.claims.record import from_json
from ntk_core.pages.summary import summarise
from ntk_core.storage.atomic import write_text
from ntk_core.storage.netcdf import load_pairs

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

inputs = snakemake.input
experiments = load_pairs(inputs.quantiles, inputs.rates)
trainings = load_pairs(inputs.trained_quantiles, inputs.trained_rates)
claims = [
    claim for path in inputs.get("claims", []) for claim in from_json(Path(path).read_text(encoding="utf-8"))
]
text = summarise(
    experiments,
    trainings,
    Path(snakemake.output[0]).parent,
    claims,
    drawn=snakemake.params.get("drawn", True),
    reanalysis=snakemake.params.get("reanalysis", False),
)
write_text(snakemake.output[0], text)
logging.info("%d experiments", len(experiments) + len(trainings))
