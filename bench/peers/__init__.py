"""Other systems, doing the same work; each in a module of its own."""
