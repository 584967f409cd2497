"""Adapters that let frameworks search, rerank, embed and measure with bicross: a room for each, an extra for each."""
