"""The glossary as code: frozen nouns, standard library only."""
