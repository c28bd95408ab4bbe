"""Deletes rows: exactly those that were approved, in batches, as often as it takes."""
