"""Quantiles and runs of the grids in, the page on which a reader chooses a cell out."""

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
    given = zip(config.bounded, snakemake.input.runs, snakemake.input.quantiles, strict=True)
    with workers(config.execution, snakemake.threads) as executors:
        experiments = [
            (xr.load_dataset(table), histograms(runs, config.drawn_experiment(name), executors))
            for name, runs, table in given
        ]
    page = render(experiments)
    with replacing(snakemake.output[0]) as beside:
        beside.write_text(page, encoding="utf-8")
    logging.info("%d experiments, %d bytes", len(experiments), len(page.encode()))
