"""The entry point of the command ``fbs-db``."""

import gc
import os
import signal
import sys


def run() -> None:
    """Run the command. Ctrl-C during the import ends it without a traceback."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:  # closed, as by >&-: what is opened next would get its number
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w", encoding="utf-8"))  # noqa: SIM115
    try:
        from fbs_db.cli import main
        from fbs_db.cli.interrupts import for_the_process
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    gc.freeze()  # or the interpreter's end looks through all that was imported: 30 ms
    for_the_process()
    main()


if __name__ == "__main__":
    run()
