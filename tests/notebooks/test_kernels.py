"""A notebook's kernel that never answers is started again, and leaves nothing behind that fails another test."""

import gc
import os
import sys

import nbval.kernel
from conftest import start_kernel_again
from ipykernel import kernelspec


def test_a_kernel_that_never_answers_is_started_again(monkeypatch, capfd):
    command, starts = kernelspec.get_kernel_dict()["argv"], []

    def kernel(*_, **__):
        starts.append(len(starts))
        deaf = [sys.executable, "-c", "import time; time.sleep(60)", "{connection_file}"]
        return {"argv": deaf if len(starts) == 1 else command, "display_name": "", "language": "python"}

    monkeypatch.setattr(kernelspec, "get_kernel_dict", kernel)
    with open(os.devnull, "w") as nowhere:
        manager, client = start_kernel_again(6, nbval.kernel.CURRENT_ENV_KERNEL_NAME, stderr=nowhere)
        client.stop_channels()
        manager.shutdown_kernel()
    assert len(starts) > 1
    assert "start 1 of a notebook's kernel" in capfd.readouterr().err
    del manager, client
    gc.collect()
