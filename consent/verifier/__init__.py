"""The offline verifier: what an auditor's own machine checks, without network and without the operator's databases.

| module | checks |
| --- | --- |
| `certificate` | that auditors and witnesses co-signed a checkpoint |
"""
