"""microburst, the proxy that injects faults; it ends when its standard input does, and so with whoever started it."""

import os
import sys
import threading

from microburst import forward
from microburst.cli import main

# Who signs a request signs the name of the host too, so that it has to arrive as it was sent. microburst writes
# its upstream's name instead, which the emulated AWS refuses as AWS would.
outbound_headers = forward.Upstream._outbound_headers


def outbound_headers_with_host(upstream, request):
    return {**outbound_headers(upstream, request), "host": request.headers["host"]}


def end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    forward.Upstream._outbound_headers = outbound_headers_with_host
    threading.Thread(target=end_with_parent, daemon=True).start()
    sys.exit(main())
