"""Run the Placet command line: `python starter.py --help`."""

from placet.cli import main

if __name__ == "__main__":
    main()
