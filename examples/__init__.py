"""Worked examples: real data with its mapping to FHIR and its dictionary."""
