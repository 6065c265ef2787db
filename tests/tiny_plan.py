"""Layers of a network for photographs that is small: every kind of step, and reach 2."""

import json

# Of 3 × 3 pixels, and behind them 2 × 2 of which the largest counts: 3 rows less, so it sees 2 on one side, 1 on the
# other, which is cut to 2 on both.
PLAN = [
    "Net", "last", ["convolution", [0], [3, 3], [1, 1], "a", 4, True, False], ["scale", [1], "b"],
    ["pooling", [1], [2, 2], [1, 1], True], ["merge", [2, 3], "add", [[0, 1, 0, 1], [0, 0, 0, 0]]],
    ["activation", [4], "relu", {"max_value": 6.0}], ["affine", [5], [1, 0, 2, 3], [1.0] * 4, [0.5] * 4],
]  # fmt: skip
TEXT = json.dumps(PLAN)
SHAPES = {"a_kernel": (3, 3, 3, 4), "a_bias": (4,), "b_factor": (4,), "b_addend": (4,)}
