"""What an auditor asks of a running installation, from its log, its books and its copy of the chain.

| module | answers |
| --- | --- |
| `dating` | which entry of the log stood last at a time, and which block did |
| `chronicle` | what the log says of each consent, erasure, study and release: read once, then followed |
| `history` | what happened, by study, person, action and days |
| `proving` | that one entry is in the log: checkpoint, path, anchor, certificate |
| `as_of` | what a study could read at a time |
| `sides`, `reconciling` | whether database, signed payload and chain agree of a consent, and of all of them |
| `consents` | one consent and what its patient signed; how two differ |
| `foundations` | whose consents a model stands on, and who withdrew since |
| `checkpoints` | what was signed, by whom else, and how late it was anchored |
| `findings` | the checks that need no bundle |
| `giving_out`, `fhir_consent` | what leaves: CSV, NDJSON, FHIR R4 |

People appear under their pseudonyms. Opening what somebody signed writes an entry first (`looking`).
"""
