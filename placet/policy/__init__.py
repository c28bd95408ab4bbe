"""Policies: files read, conditions evaluated, plans made, explained and checked."""
