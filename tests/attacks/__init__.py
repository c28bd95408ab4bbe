"""Attacks that were tried on the running service; those that once worked must not work again."""
