"""Recordings and diagnoses as text and figures. No state, no judgement."""
