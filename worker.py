"""Run the Placet worker: `python worker.py`."""

from placet.cli.working import main

if __name__ == "__main__":
    main()
