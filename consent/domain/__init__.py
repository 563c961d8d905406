"""The rules, pure: no clock, no input or output, no randomness of its own.

| module | holds |
| --- | --- |
| `terms`, `details` | what a patient agrees to, and the four sentences that say it |
| `typed_data`, `grant` | what a wallet signs: EIP-712 grants, revocations, address certificates |
| `data_use`, `decision` | whether a purpose fits, whether one access is permitted |
| `history` | the registry's events and the hash they fold to |
| `registry`, `model_registry`, `log_anchor`, `held_role` | what each contract takes and refuses, without a chain |
| `merkle`, `checkpoint`, `entry` | the log and its proofs |
| `subject_request`, `operator_change`, `request_file` | what patients and operators ask for and approve |
| `stop_list` | what a restored backup must not forget |
| `receipt`, `manifest`, `identity` | what a patient keeps, what a model answers for |
"""
