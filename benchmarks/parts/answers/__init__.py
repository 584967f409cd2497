"""What answers.py is made of: questions and passages, the reader, and measures."""
