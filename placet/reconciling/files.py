"""Payment files against payments."""

from collections.abc import Iterator

from placet.reconciling.facts import Counts, Looked, PaymentFile, Terms
from placet.reconciling.finding import Code, Finding


def differing(looked: Looked, terms: Terms, counts: Counts) -> Iterator[Finding]:
    """Yield payments whose file is not where it should be, or not what was recorded."""
    if looked.files is None:
        return
    busy = any(chain.open and chain.newest.busy for chain in looked.chains)
    for row in looked.story.effects:
        if row.effect != "payment":
            continue
        counts.files += 1
        name, sha256 = str(row.facts.get("file")), str(row.facts.get("sha256"))
        file, where = looked.files.get(name, PaymentFile()), f"file {name}"
        others = _others(file, sha256)
        if others:
            text = f"in {' and '.join(others)} it is not the file of this payment"
            yield Finding(Code.FILE_DIFFERS, looked.story.request, where, text)
        elif file.staging:
            # Handed over right after the commit; a worker that died in between is followed.
            if busy or row.age < terms.grace:
                counts.in_flight += 1
            else:
                text = "it is staged: the payment was recorded, and the bank does not get it"
                yield Finding(Code.FILE_NOT_HANDED_OVER, looked.story.request, where, text)
        elif file.archive is None:
            there = "the outbox has it, and " if file.outbox else ""
            text = f"the payment was recorded; {there}the archive does not have it"
            yield Finding(Code.FILE_MISSING, looked.story.request, where, text)


def _others(file: PaymentFile, sha256: str) -> list[str]:
    places = (("staging", file.staging), ("outbox", file.outbox), ("archive", file.archive))
    return [place for place, found in places if found is not None and found != sha256]
