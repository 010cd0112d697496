"""Quantiles and rates of all experiments and the runs of the grids in, the page to choose a cell on out."""

import signal

signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends a job without a stack of its calls

import logging

import xarray as xr

from ntk_core.execution.workers import workers
from ntk_core.experiments.config import parse_config
from ntk_core.pages.explore.histograms import histograms
from ntk_core.storage.atomic import replacing

if __name__ == "__main__":  # worker processes import this file and must not run it
    logging.basicConfig(filename=snakemake.log[0], level=logging.INFO)

    from ntk_core.pages.explore.page import render  # here, because workers do without it

    config = parse_config(snakemake.config)
    files = snakemake.input
    drawn = zip(config.bounded, files.data, files.quantiles, files.rates, strict=True)
    trained = zip(files.trained_quantiles, files.trained_rates, strict=True)
    with workers(config.execution, snakemake.threads) as executors:
        grids = [
            (
                xr.load_dataset(table),
                xr.load_dataset(rates),
                histograms(runs, config.drawn_experiment(name), executors),
            )
            for name, runs, table, rates in drawn
        ]
    page = render(grids, [(xr.load_dataset(table), xr.load_dataset(rates)) for table, rates in trained])
    with replacing(snakemake.output[0]) as beside:
        beside.write_text(page, encoding="utf-8")
    logging.info("%d experiments, %d bytes", len(config.experiments), len(page.encode()))
