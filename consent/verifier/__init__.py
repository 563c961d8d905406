"""The offline verifier: what an auditor's own machine checks, without network and the operator's databases.

| module | does |
| --- | --- |
| `run`, `rule_book` | everything, in order: begin here |
| `archive`, `reading` | the zip file and its lines, strictly |
| `log_checks`, `entries` | the signed log, and that each entry is in it |
| `chain_checks` | the registry's events and models, against what the auditor saw |
| `consent_checks`, `key_rules` | what was signed, and by whose key |
| `access_rules`, `prediction_rules` | that each access had a consent in force |
| `own_access_rules`, `requests` | that what only a person may ask for was asked for by them |
| `stop_rules`, `erasure_rules`, `receipt_checks` | that what patients asked for was done |
| `release_checks`, `served_checks` | that models are of permitted rows, and the registered one is in service |
| `policy`, `chain_view`, `node` | what the auditor trusts, and saw of the chain |
| `certificate`, `cosignature` | that auditors and witnesses co-signed a checkpoint; what each hands in |
| `witness`, `witness_main` | a signer's own half, on the signer's own machine |
| `fields` | reads small files strictly |
| `findings`, `report`, `command` | what is found, and how it is told |
"""
