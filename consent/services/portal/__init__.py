"""What patients do in the portal: enrol, sign in, see who can use their records, allow, say no, stop."""
