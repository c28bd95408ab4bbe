"""Measures what an approval costs, as ratios to a bare workflow in the same run."""
