"""Quantiles and rates of all experiments in, the page to choose a cell on out."""

from ntk_core.execution.job import begin

begin()

import logging

from ntk_core.pages.explore.page import render
from ntk_core.storage.atomic import replacing
from ntk_core.storage.netcdf import load_pairs

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

given = snakemake.input
drawn = load_pairs(given.quantiles, given.rates)
trained = load_pairs(given.trained_quantiles, given.trained_rates)
page = render(drawn, trained)
with replacing(snakemake.output[0]) as beside:
    beside.write_text(page, encoding="utf-8")
logging.info("%d experiments, %d bytes", len(drawn) + len(trained), len(page.encode()))
