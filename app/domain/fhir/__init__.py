"""FHIR R4 (4.0.1) from outside, as plain values: `parse` finds resources in files, `read` says what they mean to us."""
