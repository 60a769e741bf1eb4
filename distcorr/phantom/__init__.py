"""The referee: a simulated scanner with a known field, and anatomy to scan with it.

Shares nothing with the estimator but the evaluation of a field.
"""
