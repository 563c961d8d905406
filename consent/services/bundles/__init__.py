"""Evidence bundles: what an auditor is given of a patient, a study, a model or a period, and a patient of a receipt.

| module | does |
| --- | --- |
| `scopes` | says what a bundle is to be of |
| `indices` | keeps places in the log, a bit each |
| `selecting` | finds which entries, consents and releases belong to a scope |
| `standing` | chooses the checkpoint that a bundle stands on |
| `spool` | keeps the files on disk until the zip is written |
| `log_files`, `chain_files`, `consent_files`, `release_files` | write the files |
| `making` | makes a bundle, and has its entry in the log before it is given out |
| `receipts` | makes the smallest one |

What the files hold: docs/spec/bundle.md; `consent.domain.bundle` names them.
"""
