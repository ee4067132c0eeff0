"""Analytics: reports over the facts of tickets, which the search index keeps beside their texts."""
