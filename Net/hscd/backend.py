"""Keras, imported in one place and without the notes TensorFlow's C++ part prints about the build and the CPU."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# training.py compiles its epochs with TensorFlow.
os.environ["KERAS_BACKEND"] = "tensorflow"


@contextlib.contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, and write it after all if the block fails.

    The notes come before TensorFlow's own log level applies, and they bypass `sys.stderr`.
    """
    with tempfile.TemporaryFile() as notes:
        kept = os.dup(2)
        os.dup2(notes.fileno(), 2)
        try:
            yield
        except BaseException:
            notes.seek(0)
            os.write(kept, notes.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


with _native_stderr_held_back():
    import keras
    import tensorflow

    # Looking for a GPU prints an error where there is none; the answer is cached.
    tensorflow.config.list_physical_devices("GPU")

# A search builds a network a trial, and compiles it; TensorFlow takes that for a mistake and warns.
tensorflow.get_logger().setLevel("ERROR")

__all__ = ["keras", "tensorflow"]
