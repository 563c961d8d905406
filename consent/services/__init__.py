"""Use cases. They speak to technologies through `consent.ports` and are put together in `consent.wiring`."""
