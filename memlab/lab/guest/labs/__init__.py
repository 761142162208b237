"""Experiments in a guest: each module has `run(kernel, say) -> Result` and says whether it NEEDS_FULL."""
