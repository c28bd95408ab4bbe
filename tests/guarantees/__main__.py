"""Write ``docs/guarantees.md`` anew: ``python -m tests.guarantees``."""

from tests.guarantees.page import write

if __name__ == "__main__":
    write()
