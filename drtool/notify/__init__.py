"""Where people and other programs are told how runs ended: one file for each way."""
