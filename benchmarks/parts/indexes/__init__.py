"""What index_recall.py compares: kinds of vector indexes, and their recall and time."""
