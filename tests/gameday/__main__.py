"""`python -m tests.gameday`: every role as processes on clusters of real engines, under load; one fault at a time.

Needs two cores and 6 GB of memory. Exit codes: 0 every target was met, 1 one was missed or something did not start, 2
wrong usage.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import shutil
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from deploy.services import state
from deploy.services.errors import ServicesError
from tests.e2e.roles import NotReady
from tests.gameday.day import hold
from tests.gameday.faults import FAULTS, KILLS
from tests.gameday.report import Result, document, table
from tests.gameday.site import make_site, start_engines


def main() -> None:
    given = _arguments()
    # The clients' complaints about servers that we kill ourselves.
    logging.basicConfig(handlers=[logging.NullHandler()])
    signal.signal(signal.SIGTERM, _interrupt)
    results: list[Result] = []
    began_s = time.monotonic()

    def say(words: str) -> None:
        print(f"{time.monotonic() - began_s:6.1f} s  {words}", file=sys.stderr, flush=True)

    def done(result: Result) -> None:
        results.append(result)
        say(f"{result.name}: {'; '.join(result.missed()) or 'every target is met'}")
        if given.json:
            print(json.dumps(document(result)), flush=True)

    try:
        with ExitStack() as stack:
            state.claim(given.folder, stack)
            folder = (given.folder / "day").resolve()
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            site = make_site(folder, start_engines(folder, stack, given.nodes, say))
            asyncio.run(hold(given.faults or list(KILLS), site, folder, given.scale, say, done))
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("interrupted")
        sys.exit(1)
    except (NotReady, ServicesError, TimeoutError) as error:
        sys.exit(f"error: {error}")
    finally:
        if results and not given.json:
            print(table(results))
    sys.exit(1 if any(each.missed() for each in results) else 0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.gameday", description=__doc__)
    parser.add_argument(
        "faults", nargs="*", metavar="FAULT", help=f"one or more of {', '.join(FAULTS)}; default: all up to origins"
    )
    parser.add_argument("--json", action="store_true", help="a JSON line for each fault instead of the table")
    parser.add_argument("--scale", type=float, default=1.0, help="of the load; 1 is about 50 requests a second")
    parser.add_argument("--nodes", type=int, choices=(1, 3), default=3, help="of Cassandra and Kafka")
    parser.add_argument("--folder", type=Path, default=Path("var/gameday"), help="where data and logs are")
    given = parser.parse_args()
    if unknown := set(given.faults) - set(FAULTS):
        parser.error(f"no such fault: {', '.join(sorted(unknown))}; there are {', '.join(FAULTS)}")
    return given


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
