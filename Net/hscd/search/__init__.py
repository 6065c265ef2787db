"""Hyper-parameter search: a Hyperas template becomes an objective and a space, an engine runs them."""
