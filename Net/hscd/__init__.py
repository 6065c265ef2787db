"""Hyperspectral change detection: what the stages are made of.

| stage | modules |
|---|---|
| read | `image`, `readers`, `hdf5`, `grids`, `band_choice` |
| mask, scale, pair, relabel | `nodata`, `scaling`, `scene`, `labels` |
| distances to pseudo-labels | `distances`, `thresholds`, `selection`, `spatial` |
| build, train, search, predict | `backend`, `networks`, `losses`, `training`, `search`, `models` |
| judge and report | `evaluation`, `inspection`, `regions`, `reports` |
| write and read files | `storage`, `unpickling`, `weights` |
| what all of them share | `records`, `errors`, `parsing`, `hardware`, `interrupts`, `native_stderr` |
| demo scenes | `demo` |

Nothing here imports a stage or reads net.conf: every function takes plain arguments.
"""
