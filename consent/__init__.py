"""Policy and product: decides who may learn from a record, and talks to people and to the chain.

`consent.domain` holds the rules, `consent.services` the use cases, `consent.adapters` one technology a file;
`consent.wiring` is where they meet. Importing any of it has no effect.
"""
