"""The entry point of the command ``fbs-db``."""

import gc
import signal
import sys


def run() -> None:
    """Run the command. Ctrl-C during the import ends it without a traceback."""
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
