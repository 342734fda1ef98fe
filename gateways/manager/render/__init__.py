"""The figures of a master in the forms in which people and programs read them."""
