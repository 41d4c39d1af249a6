"""The web server of the intake: waitress in a thread of its own."""

from __future__ import annotations

import threading
from typing import Any, Final

from flask import Flask
from waitress.server import create_server

from meteostream.config import Intake
from meteostream.intake.web import MOST_BYTES

THREADS: Final = 4
IDLE_S: Final = 30
"""After this a connection that says nothing is closed."""
MOST_CONNECTIONS: Final = 200
MOST_HEADER_BYTES: Final = 16_384
_WAIT_S: Final = 5.0
"""How long an end waits for requests that are at work."""


class Server:
    """Serves an application from :meth:`start` to :meth:`stop`.

    Parameters
    ----------
    settings
        Address and port (0: any that is free), and the gateway whose X-Forwarded-For is believed.

    Raises
    ------
    OSError
        If the port is taken.
    """

    def __init__(self, app: Flask, settings: Intake) -> None:
        proxy: dict[str, Any] = {}
        if settings.trusted_proxy is not None:
            headers = {"x-forwarded-for", "x-forwarded-proto"}
            proxy = {"trusted_proxy": settings.trusted_proxy, "trusted_proxy_headers": headers}
        self._server = create_server(
            app,
            host=settings.address,
            port=settings.port,
            threads=THREADS,
            ident="",
            connection_limit=MOST_CONNECTIONS,
            channel_timeout=IDLE_S,
            max_request_header_size=MOST_HEADER_BYTES,
            max_request_body_size=2 * MOST_BYTES,  # Flask refuses from MOST_BYTES on, with a page
            clear_untrusted_proxy_headers=True,
            **proxy,
        )
        self._thread = threading.Thread(target=self._server.run, name="web", daemon=True)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.effective_port)

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Take no more connections, and let requests that are at work end."""
        self._server.trigger.pull_trigger(self._server.close)  # sockets are the server thread's own
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=_WAIT_S)
        self._thread.join(_WAIT_S)
