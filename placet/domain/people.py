"""People as the directory knows them: a snapshot, and the pure rules that read it."""
