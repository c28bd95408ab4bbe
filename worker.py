"""Run the Placet worker: `python worker.py`."""
