"""Reports for people: one request's whole story, and the summary of a period.

``record`` makes a document of a request's story and ``period`` one of a period's figures; ``page``
and ``paper`` write any document as HTML and PDF.
"""
