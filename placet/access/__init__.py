"""Grants access: the catalogue of roles, and the targets where they are given and taken away."""
