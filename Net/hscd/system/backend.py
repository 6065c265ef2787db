"""Keras, imported in one place and without the notes its backends print about the build and the CPU."""

from __future__ import annotations

import contextlib
import errno
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hscd.system import native_stderr
from hscd.system.errors import brief
from hscd.system.hardware import BACKENDS, threads
from hscd.system.lean import lean_import

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if os.environ.get("KERAS_BACKEND") not in BACKENDS:
    os.environ["KERAS_BACKEND"] = BACKENDS[0]
# The threads of XLA, that is of JAX.
os.environ.setdefault("NPROC", str(threads()))
# Memory of a GPU is taken as it is needed: by themselves both take nearly all, and nothing is left to another process.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
os.environ.setdefault("TF_FORCE_GPU_ALLOW_GROWTH", "true")


@contextlib.contextmanager
def _native_stderr_held_back() -> Iterator[None]:
    """Hold back what is written to file descriptor 2, and write it after all if the block fails.

    The notes come before TensorFlow's own log level applies, and they bypass `sys.stderr`.
    """
    output = b""
    try:
        with native_stderr.collected() as notes:
            try:
                yield
            finally:
                notes.seek(0)
                output = notes.read()
    except BaseException:
        os.write(2, output)
        raise


def _import_tensorflow() -> Any:
    import tensorflow

    # Looking for a GPU prints an error where there is none; the answer is cached.
    tensorflow.config.list_physical_devices("GPU")
    return tensorflow


def _set_up_tensorflow() -> None:
    tensorflow = _import_tensorflow()
    # hscd.learn.epochs splits the work among threads by itself, an operation has one.
    tensorflow.config.threading.set_intra_op_parallelism_threads(1)
    tensorflow.config.threading.set_inter_op_parallelism_threads(threads())
    # On a GPU, sums of products as exact as on a CPU.
    tensorflow.config.experimental.enable_tensor_float_32_execution(False)
    # A search builds a network a trial, and compiles it; TensorFlow takes that for a mistake and warns.
    tensorflow.get_logger().setLevel("ERROR")


with _native_stderr_held_back(), lean_import():
    import keras

    if keras.backend.backend() == "tensorflow":
        _set_up_tensorflow()


def tensorboard(folder: Path) -> keras.callbacks.Callback:
    """Keras' TensorBoard callback, which writes through TensorFlow whatever the backend is.

    Raises:
        OSError: from its hooks, naming the folder, where the disk does not take what it writes: no trial is to blame.
    """
    with _native_stderr_held_back():
        tensorflow = _import_tensorflow()

    @contextlib.contextmanager
    def disk_named() -> Iterator[None]:
        try:
            yield
        except tensorflow.errors.OpError as error:
            raise OSError(errno.EIO, brief(error), str(folder)) from error

    class Records(keras.callbacks.TensorBoard):
        def set_model(self, model: keras.Model) -> None:
            with disk_named():
                super().set_model(model)

        def on_train_begin(self, logs: Any = None) -> None:
            with disk_named():
                super().on_train_begin(logs)

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            with disk_named():
                super().on_epoch_end(epoch, logs)

        def on_train_end(self, logs: Any = None) -> None:
            with disk_named():
                super().on_train_end(logs)

    return Records(str(folder), write_graph=False)


def tensorboard_figure(folder: Path, name: str, figure: Any, dpi: int) -> None:
    """Put a Matplotlib figure among TensorBoard's records, as an image.

    Raises:
        OSError: naming the folder, where the disk does not take it.
    """
    with _native_stderr_held_back():
        tensorflow = _import_tensorflow()
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=dpi)
    try:
        with tensorflow.summary.create_file_writer(str(folder)).as_default():
            image = tensorflow.io.decode_png(png.getvalue(), channels=3)
            tensorflow.summary.image(name, image[None], step=0)
    except tensorflow.errors.OpError as error:
        raise OSError(errno.EIO, brief(error), str(folder)) from error


__all__ = ["keras", "tensorboard", "tensorboard_figure", "threads"]
