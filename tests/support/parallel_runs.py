"""A training in several processes, with the variables that torchrun gives to what it starts."""

import os
import sys
import traceback

from support.page_process import free_port
from train import run


def train(processes, arguments):
    """Train in copies of this process, so that torch is loaded once; exit with 1 if one of them fails."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(processes)}
    copies = []
    for rank in range(processes):
        os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank)}
        copies.append(os.fork())
        if copies[-1] == 0:
            try:
                run.main(arguments)
                sys.stdout.flush()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
    results = [os.waitpid(copy, 0)[1] for copy in copies]  # of all, also after a failure
    if any(results):
        sys.exit(1)
