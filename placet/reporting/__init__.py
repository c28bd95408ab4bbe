"""Reports for people: one request's whole story, and the summary of a period.

``story`` and ``period`` gather what the ledger says; ``telling`` and ``summing`` make a document
of it; ``page`` and ``paper`` write any document as HTML and PDF.
"""
