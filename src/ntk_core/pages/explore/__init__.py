"""The explorable page: every cell of the grids, one at a time. Data, charts, then one HTML file."""
