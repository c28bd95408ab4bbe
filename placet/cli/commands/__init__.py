"""What can be typed, by subject; each command imports its work when it runs."""
