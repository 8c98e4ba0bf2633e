"""Checks of array arguments, shared by the functions of this package.

Belongs here: turning what a caller passes into float arrays and refusing what does not fit, with the argument's name.
Does not belong here: anything that depends on what the numbers mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


def vector(name: str, values: Any, *, length: int | None = None, like: str = "") -> Floats:
    """``values`` as a float vector.

    Raises ValueError, naming the argument and its shape, when it is not one-dimensional or not ``length`` long
    (``like`` names the argument that sets that length).

    >>> vector("observed", [1, 2])
    array([1., 2.])
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} has shape {array.shape}, expected one dimension")
    if length is not None and len(array) != length:
        raise ValueError(f"{name} has shape {array.shape}, expected ({length},) to match {like}")
    return array


def matrix(name: str, values: Any, *, rows: int | None = None, columns: int | None = None, like: str = "") -> Floats:
    """``values`` as a float matrix.

    Raises ValueError, naming the argument and its shape, when it is not two-dimensional or not of the given size
    (``like`` names the arguments that set it).

    >>> matrix("predicted", [[1, 2]]).shape
    (1, 2)
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2:
        raise ValueError(f"{name} has shape {array.shape}, expected two dimensions")
    expected = (array.shape[0] if rows is None else rows, array.shape[1] if columns is None else columns)
    if array.shape != expected:
        raise ValueError(f"{name} has shape {array.shape}, expected {expected} to match {like}")
    return array


def share(name: str, value: float) -> float:
    """``value`` as a float strictly between 0 and 1; raises ValueError otherwise.

    >>> share("confidence", 0.9)
    0.9
    """
    number = float(value)
    if not 0 < number < 1:
        raise ValueError(f"{name} is {value}, expected a fraction strictly between 0 and 1")
    return number
