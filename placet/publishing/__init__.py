"""Where pages are published: the targets, and how all of them change together."""
