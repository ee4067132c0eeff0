"""Search: the language of queries, the index's documents, what is found and how it is shown."""
