"""Measurements of this project: speed, memory, and agreement, beside a floor and the tools people use."""
