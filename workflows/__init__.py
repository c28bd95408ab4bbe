"""The pipelines, one file each, and the gate they wait at."""
