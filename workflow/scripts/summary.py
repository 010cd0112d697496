"""Quantiles and rates of all experiments in, a page of text out."""

import logging
from pathlib import Path

import xarray as xr

from ntk_core.datasets import replacing
from ntk_core.summary import summarise

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

given = snakemake.input
experiments, trainings = (
    [tuple(map(xr.load_dataset, pair)) for pair in zip(tables, rates, strict=True)]
    for tables, rates in ((given.quantiles, given.rates), (given.trained_quantiles, given.trained_rates))
)
text = summarise(experiments, trainings)
with replacing(snakemake.output[0]) as beside:
    Path(beside).write_text(text, encoding="utf-8")
logging.info("%d experiments", len(experiments) + len(trainings))
