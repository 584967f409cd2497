"""What tests of several packages share: fakes, tiny models, oracles, and harnesses that fail and kill."""
