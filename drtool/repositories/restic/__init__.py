"""restic repositories (0.14 to 0.19) behind the Repository port."""
