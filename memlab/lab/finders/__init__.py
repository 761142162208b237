"""Known finders of leaks against our leakers: what a finder says is held against the leaker's own ledger."""
