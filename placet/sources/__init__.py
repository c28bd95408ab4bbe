"""Reads the catalogue, and the databases that its data sets are in."""
