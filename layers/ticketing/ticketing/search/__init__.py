"""Search: the language of queries, the index that finds, and what keeps it up to date."""
