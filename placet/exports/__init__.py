"""Makes the files of exports: their form, their encryption, and where they lie."""
