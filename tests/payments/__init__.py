"""Tests of paying."""
