"""When, how long, again, at once, and tidying up: carries plans out while writing the journal."""
