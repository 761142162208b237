"""Existing tools, attached to a process for some seconds: what they saw as `model.stacks.Stacks`. No verdicts."""
