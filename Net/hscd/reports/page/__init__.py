"""Pages to look at: a run as one self-contained HTML file, and an index of all runs.

`view` and `images` keep what a page shows of a pair, in a small file beside its results; `found` reads the records of
runs; `numbers`, `searches`, `sections` and `charts` compute what is drawn; `advice` explains warnings; `render` draws
it all by the templates.
"""
