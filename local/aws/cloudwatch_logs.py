"""CloudWatch Logs: what a function logs, without waiting for it, in a bounded file."""

import logging
import queue
import threading
import time
from logging.handlers import RotatingFileHandler
from types import ModuleType
from typing import Any

from local.emulator.loading import LOG_BYTES, MiniStack
from local.emulator.patching import replace, require, rewritten
from local.settings import Settings

STREAMS_PER_GROUP = 500
# A line that a worker writes after what a function has logged, so that nobody needs to wait and see.
END_OF_LOG = "\x1eend-of-log\x1e"
_LOG_TIMEOUT = 1.0


def patch(emulator: MiniStack, settings: Settings) -> None:
    """Know when a call's log has ended, name log streams as AWS does, keep the newest, and write a bounded file.

    Raises
    ------
    EmulatorError
        If what this builds on is not there.
    """
    _end_logs_with_a_line(emulator.lambda_runtime)
    _keep_newest_streams(emulator, _function_log(settings))


def _end_logs_with_a_line(runtime: ModuleType) -> None:
    """Remove the 50 ms that every call waits for a log that may not come.

    The worker marks the end of a call's log, so the emulator knows when it has all of it, and gives it to this call
    and not to the next.
    """
    end = f"sys.stderr.write({END_OF_LOG!r} + chr(10)); sys.stderr.flush()"
    script = runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
    for status in ('{"status": "ok"', '{"status": "error", "error": str(e), "trace"'):
        old = f"            _real_stdout.write(json.dumps({status}"
        script = rewritten(script, old, f"            {end}\n{old}", "the Python worker's script")
    require(runtime.Worker, "_drain_stderr_bounded", "self", "first_line_wait", "idle_confirm", "hard_cap")
    vars(runtime)["_PYTHON_WORKER_SCRIPT"] = script
    replace(runtime.Worker, "_drain_stderr_bounded", _drain_stderr)


def _drain_stderr(worker: Any) -> str:  # noqa: ANN401 (a class of the emulator)
    lines: list[str] = []
    # Only a worker that died in the call leaves its log without an end.
    deadline = time.monotonic() + _LOG_TIMEOUT
    while (left := deadline - time.monotonic()) > 0:
        try:
            line: str = worker._stderr_queue.get(timeout=left)  # noqa: SLF001
        except queue.Empty:
            break
        if line.endswith(END_OF_LOG):
            lines.append(line.removesuffix(END_OF_LOG))
            break
        lines.append(line)
    return "\n".join(line for line in lines if line)


def _function_log(settings: Settings) -> logging.Logger:
    handler = RotatingFileHandler(settings.logs / "functions.log", maxBytes=LOG_BYTES, backupCount=1)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s"))
    log = logging.getLogger("local.functions")
    log.propagate = False
    log.handlers = [handler]
    return log


def _keep_newest_streams(emulator: MiniStack, file: logging.Logger) -> None:
    service, logs, lock = emulator.lambda_service, emulator.logs, threading.Lock()
    original = require(
        service, "_emit_lambda_logs", "func", "request_id", "log_text", "error", "duration_ms", "log_source"
    )

    def emit(  # noqa: PLR0913 (the emulator's signature)
        func: dict[str, Any],
        request_id: str,
        log_text: str,
        error: bool,  # noqa: FBT001
        duration_ms: int,
        *,
        log_source: str | None = None,
    ) -> None:
        config = func.get("config") or func
        name = config.get("FunctionName", "")
        for line in log_text.splitlines():
            file.info("%s %s", name, line)
        group = (config.get("LoggingConfig") or {}).get("LogGroup") or f"/aws/lambda/{name}"
        with lock:
            original(func, request_id, log_text, error, duration_ms, log_source=log_source)
            streams = (logs._log_groups.get(group) or {}).get("streams", {})  # noqa: SLF001
            # Every call makes a stream. Where functions share a group, AWS puts the function into the stream's name.
            if stream := next(reversed(streams), None):
                streams[stream.replace("/[", f"/{name}[", 1)] = streams.pop(stream)
            _drop_oldest(streams, STREAMS_PER_GROUP)

    replace(service, "_emit_lambda_logs", emit)


def _drop_oldest(entries: dict[str, Any], keep: int) -> None:
    for key in list(entries)[: max(0, len(entries) - keep)]:
        entries.pop(key, None)
