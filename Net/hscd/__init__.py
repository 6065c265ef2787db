"""Hyperspectral change detection: what the stages are made of.

| stage | packages |
|---|---|
| read | `readers`, `scenes` |
| score each pixel | `heads`, `detectors` |
| scores to labels | `thresholds`, `selections`, `corrections` |
| build, train, search, predict | `networks`, `losses`, `learn`, `models`, `search` |
| judge and report | `evaluation`, `reports` |
| what all of them share | `labels`, `records`, `registry`, `system` |
| demo scenes | `demo` |

Nothing here imports a stage or reads net.conf: every function takes plain arguments.
"""
