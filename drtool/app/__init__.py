"""The composition root: which implementation carries out which kind, and one short method per verb."""
