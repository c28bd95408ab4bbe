"""Content that is published: read, checked, rendered, made safe, and compared."""
