"""The activities: one effect each."""
