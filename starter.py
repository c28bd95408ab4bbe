"""Run the Placet command line: `python starter.py --help`."""
