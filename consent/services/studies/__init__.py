"""Studies: registering them, training on what the gate admits, serving only what the ledger calls ACTIVE."""
