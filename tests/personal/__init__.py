"""Tests of what is personal: found, sealed, revealed, erased."""
