"""The rules: pure functions and frozen models, with no clock, randomness or I/O."""
