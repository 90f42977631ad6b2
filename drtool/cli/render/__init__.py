"""Values of the model turned into text; nothing here asks the world anything."""
