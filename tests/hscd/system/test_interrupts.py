"""Ctrl-C ends what it is pressed in, even where the exception gets lost on the way."""

import contextlib
import os
import signal
import threading

import pytest

from hscd.system.interrupts import ctrl_c_heeded


def press_ctrl_c():
    os.kill(os.getpid(), signal.SIGINT)


def test_without_ctrl_c_nothing_happens():
    with ctrl_c_heeded():
        pass
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_errors_stay_what_they_are():
    with pytest.raises(ValueError, match="mine"), ctrl_c_heeded():
        raise ValueError("mine")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
@pytest.mark.parametrize("fate", ["arrives", "is forgotten", "becomes another"])
def test_ctrl_c_ends_the_block(fate):
    def work():
        if fate == "arrives":
            press_ctrl_c()
        with contextlib.suppress(KeyboardInterrupt):
            press_ctrl_c()
        if fate == "becomes another":
            raise SystemError("returned a result with an exception set")

    with pytest.raises(KeyboardInterrupt), ctrl_c_heeded():
        work()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_of_two_blocks_both_end():
    def inner():
        with contextlib.suppress(KeyboardInterrupt), ctrl_c_heeded(), contextlib.suppress(KeyboardInterrupt):
            press_ctrl_c()

    with pytest.raises(KeyboardInterrupt), ctrl_c_heeded():
        inner()


# As in the import of TensorFlow, after which a search would run to its end.
@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_after_one_that_was_forgotten_no_further_block_begins():
    begun = []

    def work():
        with contextlib.suppress(KeyboardInterrupt):
            press_ctrl_c()
        with ctrl_c_heeded():
            begun.append(None)

    with pytest.raises(KeyboardInterrupt), ctrl_c_heeded():
        work()
    assert begun == []


# Workers ignore Ctrl-C, and only the main thread may have a handler.
def test_ignored_signals_and_other_threads_are_left_alone():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with ctrl_c_heeded():
            assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
    handlers = []

    def elsewhere():
        with ctrl_c_heeded():
            handlers.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert handlers == [before]
