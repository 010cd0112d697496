"""Tests of the article, `results/findings.html`, by what they protect."""
