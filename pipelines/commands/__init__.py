"""The command line. Each command asks and shows; what is done stands in the other rooms."""
