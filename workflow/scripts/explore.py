"""Quantiles and rates of all experiments in, the page to choose a cell on out."""

from ntk_core.execution.job import begin

begin()

import logging

from ntk_core.pages.explore.page import render
from ntk_core.storage.atomic import write_text
from ntk_core.storage.netcdf import load_pairs

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

inputs = snakemake.input
drawn = load_pairs(inputs.quantiles, inputs.rates)
trained = load_pairs(inputs.trained_quantiles, inputs.trained_rates)
page = render(drawn, trained)
write_text(snakemake.output[0], page)
logging.info("%d experiments, %d bytes", len(drawn) + len(trained), len(page.encode()))
