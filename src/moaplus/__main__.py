"""`moaplus …`: the clusterer's commands and, where the pipeline is installed, the pipeline's."""

import argparse
import gc
import os
import sys

import moaplus
from moaplus.clusterer.command import add_commands
from moaplus.storage.files import UserError

WITHOUT_PIPELINE = "The pipeline's commands come with `pip install 'moaplus[pipeline]'`."


def main(arguments: list[str] | None = None) -> int:
    """Run one command; print a fault that the user can put right as one line."""
    gc.set_threshold(100_000)  # imports make many objects and drop few: a sixth of their time
    options = vars(_parser().parse_args(arguments))
    command = options.pop("command")
    try:
        command(**options)
        sys.stdout.flush()
    except UserError as error:
        print(f"moaplus: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # of `moaplus runs | head`; Python flushes once more at its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141  # 128 + SIGPIPE, as a shell has it
    except KeyboardInterrupt:
        return 130
    finally:
        gc.freeze()  # at its exit Python looks for garbage among all that is left: 0.2 s with torch
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="moaplus", description=__doc__.splitlines()[0])
    parser.add_argument("--version", action="version", version=f"moaplus {moaplus.__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    add_commands(commands)
    try:
        from moaplus import cli
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("moaplus"):
            raise
        parser.epilog = WITHOUT_PIPELINE
    else:
        cli.add_commands(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
