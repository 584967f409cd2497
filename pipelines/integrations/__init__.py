"""Adapters that let frameworks and agents search, rerank, embed and measure with bicross: a room, an extra for each."""
