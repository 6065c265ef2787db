"""Reads the part of HDF5 that Keras, MATLAB and the ground segments of sensors write.

The HDF5 library crashes, or never returns, on some files in which a bit is flipped. Here every address and size is
checked before it is used, the work is bounded by what the file and the window asked for can need, and what is not of
this part is an error: links other than hard ones, arrays in other files, the layouts since HDF5 1.8.

`structure` finds groups, attributes and arrays; `encoding` is how numbers, shapes and layouts are written down;
`arrays` reads values, `chunks` those that lie in chunks, and `filters` unpacks them.
Layouts: The HDF Group, "HDF5 File Format Specification", version 3.0.
"""

from hscd.hdf5.arrays import Dataset
from hscd.hdf5.structure import File, Node, opened

__all__ = ["Dataset", "File", "Node", "opened"]
