"""Remote stores (s3://, gs://, https://, hf://, memory:// ...) by their addresses, through fsspec."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from vitexplain.errors import MissingExtraError, UsageError, VitexplainError
from vitexplain.images.files import shown

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_OF_EXTRA = {"s3": "s3fs", "s3a": "s3fs", "http": "aiohttp", "https": "aiohttp"}
_PACKAGES = {**_OF_EXTRA, "gs": "gcsfs", "gcs": "gcsfs", "abfs": "adlfs", "abfss": "adlfs", "az": "adlfs"}
LOGIN = "log in, or set the variables of the store, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
"""What helps where a store finds no credentials."""

_KNOWN = "s3://, gs://, https:// or hf://"


def is_remote(address: str) -> bool:
    """Whether this is the address of a remote store, and no local path."""
    return _ADDRESS.match(address) is not None


def protocol_of(address: str) -> str:
    """Return what stands before `://` in an address."""
    return address.partition("://")[0].lower()


def find_store(address: str, wrong: type[VitexplainError]) -> tuple[AbstractFileSystem, str]:
    """Return the store of an address and the path in it; it is not asked anything.

    MissingExtraError: the package that its protocol needs is not installed; UsageError: no such protocol; `wrong`:
    anything else, a proxy in the environment that is none, say.
    """
    protocol, label = protocol_of(address), shown(address)
    if "::" in address:
        raise UsageError(f"{label}: a chain of addresses, expected one, such as s3://bucket/photos")
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError(_missing(label, protocol, "fsspec")) from None
    try:
        # Listings are kept by fsspec for the life of the process, which a folder that grows must not see.
        store, path = fsspec.url_to_fs(address, use_listings_cache=False)
    except ImportError as error:
        package = _PACKAGES.get(protocol) or error.name or "a package of its own"
        raise MissingExtraError(_missing(label, protocol, package)) from None
    except ValueError:
        raise UsageError(f"{label}: nothing is known of {protocol}://, expected {_KNOWN}") from None
    except Exception as error:  # every store raises classes of its own
        raise wrong(f"{label}: cannot be reached ({reason_of(error)}): check the address") from None
    return store, str(path)


def reason_of(error: BaseException) -> str:
    """Return what an error says, in one short line."""
    return shown((" ".join(str(error).split()) or type(error).__name__)[:160])


def _missing(label: str, protocol: str, package: str) -> str:
    install = "'vitexplain[remote]'" if protocol in _OF_EXTRA or package == "fsspec" else package
    return f"{label}: {protocol}:// needs {package}, which is not installed: pip install {install}"
