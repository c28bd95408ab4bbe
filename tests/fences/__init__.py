"""What tools check of the code: who imports whom, and what a sandbox sees."""
