"""The researchers' and clinicians' verbs: each asks a server through `consent.client` and shows what it answered.

| module | holds |
| --- | --- |
| `profile`, `signing_in` | who one is to which server, and the connection that each verb opens |
| `showing` | answers for people, in a hundred columns, or as JSON |
| `studies`, `cohorts`, `requests`, `trainings`, `models`, `predictions` | the verbs |
| `reading` | the files that verbs are given, and those that they write |
"""
