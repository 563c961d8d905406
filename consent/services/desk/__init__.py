"""The desk at which researchers, clinicians and staff ask: who they are, and what is theirs to ask for."""
