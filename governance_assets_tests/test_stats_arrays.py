"""Arguments are refused with their name, their shape and the shape that would fit."""

from __future__ import annotations

import numpy as np
import pytest

from governance_assets.stats.arrays import matrix, share, vector


def test_lists_become_float_arrays():
    assert vector("values", [1, 2]).dtype == np.float64
    assert matrix("values", [[True, False]]).tolist() == [[1.0, 0.0]]
    assert vector("values", []).shape == (0,)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vector("values", 1.0), r"values has shape \(\), expected one dimension"),
        (lambda: vector("values", [1.0], length=2, like="weights"), r"values has shape \(1,\), expected \(2,\) to match weights"),
        (lambda: matrix("scores", [1.0]), r"scores has shape \(1,\), expected two dimensions"),
        (
            lambda: matrix("scores", [[1.0]], rows=2, columns=3, like="levels"),
            r"scores has shape \(1, 1\), expected \(2, 3\) to match levels",
        ),
        (lambda: share("nominal", 0), "nominal is 0, expected a fraction strictly between 0 and 1"),
        (lambda: share("nominal", float("nan")), "nominal is nan"),
        (lambda: vector("values", ["a"]), "could not convert"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()
