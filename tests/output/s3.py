"""A real S3 server on this machine, which can be made to fail."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "key",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_MAX_ATTEMPTS": "2",
}


@dataclass
class Store:
    """The server. `client` asks it directly. `writes`: how many more it takes before it answers 500; None: all.

    `delay`: seconds before each answer.
    """

    client: Any = None
    writes: int | None = None
    delay: float = 0.0

    def answers(self, environ: Any) -> bool:
        """Count a request, and return whether it is answered."""
        time.sleep(self.delay)
        if self.writes is None:
            return True
        if self.writes > 0:
            self.writes -= environ["REQUEST_METHOD"] == "PUT"
            return True
        return False

    def keys(self, bucket: str) -> list[str]:
        """Return the names of all objects in a bucket."""
        return [each["Key"] for each in self.client.list_objects_v2(Bucket=bucket).get("Contents", ())]


@contextmanager
def s3_server(*buckets: str) -> Iterator[Store]:
    """Run a server with these buckets, to which s3:// leads meanwhile."""
    s3fs = pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    import boto3
    from moto.backends import get_backend
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    store, served = Store(), DomainDispatcherApplication(create_backend_app)

    def application(environ: Any, start_response: Callable[..., Any]) -> Iterable[bytes]:
        if store.answers(environ):
            answer: Iterable[bytes] = served(environ, start_response)
            return answer
        start_response("500 Internal Server Error", [("Content-Length", "0")])
        return ()

    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    with pytest.MonkeyPatch.context() as patch:
        thread.start()
        try:
            for name, value in {**_ENVIRONMENT, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}.items():
                patch.setenv(name, value)
            s3fs.S3FileSystem.clear_instance_cache()
            store.client = boto3.client("s3")
            for bucket in buckets:
                store.client.create_bucket(Bucket=bucket)
            yield store
            store.client.close()
        finally:
            server.shutdown()
            server.server_close()
            thread.join()
            get_backend("s3").reset()
            s3fs.S3FileSystem.clear_instance_cache()
