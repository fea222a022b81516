"""`python -m reconcile_app`, and the console script.

Opening the window is by far the commonest call, and importing the parser of the command line takes as long as showing the window: a
call that names no command goes straight to the window.
"""

import sys
from pathlib import Path

from reconcile_app.core.errors import ReconcileError


def main() -> None:
    """Open the window where no command is given, otherwise hand over to the command line; exit with the status."""
    match sys.argv[1:]:
        case []:
            sys.exit(_open_window(None))
        case ["--data-dir", folder]:
            sys.exit(_open_window(Path(folder)))
    from reconcile_app.cli import main as command_line

    command_line()


def _open_window(folder: Path | None) -> int:
    from reconcile_app.opening import open_window

    try:
        return open_window(folder)
    except ReconcileError as error:
        from reconcile_app.cli_output import Output

        Output().error(error)
        return error.exit_code
    except KeyboardInterrupt:
        sys.stderr.write("Stopped.\n")
        return 130


if __name__ == "__main__":
    main()
