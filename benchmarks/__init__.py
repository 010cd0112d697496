"""A race of one run of the experiment: our samplers, the tools people use, and the floor under both."""
