"""The whole story once, on real patients: `consentry demo`.

The patients' wallets are simulated; everything else is what a deployment runs.
"""
