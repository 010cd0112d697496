"""Quantiles and rates of all experiments in, a page of text out."""

import logging
from pathlib import Path

import xarray as xr

from ntk_core.datasets import replacing
from ntk_core.summary import summarise

logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

tables = [xr.load_dataset(path) for path in snakemake.input.quantiles]
rates = [xr.load_dataset(path) for path in snakemake.input.rates]
text = summarise(zip(tables, rates, strict=True))
with replacing(snakemake.output[0]) as beside:
    Path(beside).write_text(text, encoding="utf-8")
logging.info("%d experiments", len(tables))
