"""The emulated AWS: MiniStack, with its gaps closed as far as this product meets them.

`cargo xtask cloud` and the cloud tests start it. Each section of the files beside this one says what AWS does and what
MiniStack does instead; what stays different is listed in docs/emulated-aws.md. Nothing here changes what is deployed.
"""

import json
import os
import sys
import threading

from ministack import app

# Each of these changes MiniStack when it is imported.
import api_gateway  # noqa: F401
import functions  # noqa: F401
import messages
import roles
import rotations  # noqa: F401
import streams
import templates

PAGES = {
    "/_emulator/pushes": messages.pushes,
    "/_emulator/calls": roles.calls,
    "/_emulator/without-effect": templates.recorded,
}
ministack = app.app


async def with_pages(scope, receive, send):
    page = PAGES.get(scope.get("path")) if scope["type"] == "http" else None
    if page is None:
        return await ministack(scope, receive, send)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": json.dumps(page).encode()})


def end_with_parent() -> None:
    """Whoever started us holds the other end of our standard input: when that is gone, so are we and our functions."""
    sys.stdin.buffer.read()
    os.killpg(os.getpgrp(), 9)


if __name__ == "__main__":
    os.setpgrp()
    app.app = with_pages
    for work in (end_with_parent, streams.watch_for_streams):
        threading.Thread(target=work, daemon=True).start()
    app.main()
