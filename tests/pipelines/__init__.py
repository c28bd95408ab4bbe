"""Tests of what each pipeline lets in."""
