"""The running functions."""

import socketserver

from ministack.core import lambda_runtime
from ministack.services import lambda_svc

# ---- Lambda: what functions write ----------------------------------------------------------------------
# On AWS it is in CloudWatch Logs. So it is here, and also in functions.log, where it can be read at once.
write_logs = lambda_svc._emit_lambda_logs


def write_logs_to_file(function, request_id, text, *rest, **named):
    write_logs(function, request_id, text, *rest, **named)
    if text:
        with open("functions.log", "a", encoding="utf-8") as file:
            file.write(f"{function['config']['FunctionName']} {request_id}\n{text}\n")


lambda_svc._emit_lambda_logs = write_logs_to_file


# ---- Speed ---------------------------------------------------------------------------------------------
# MiniStack waits 40 ms on the Runtime API's sockets (Nagle) and 50 ms for a log line of every invocation.
socketserver.StreamRequestHandler.disable_nagle_algorithm = True
lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.005, 0.002, 0.250)
