"""Which database: the one that the settings name, or an embedded server under the state folder."""

from collections.abc import Iterator
from contextlib import contextmanager

from twinrail.keys import database_url
from twinrail.settings import Settings

EMBEDDED_FOLDER = "pg"


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """Give the address of the database for as long as the block runs.

    An embedded server is started where no other process of the same state folder has, and then stopped at the end.
    StoreError or SettingsError where neither can be used. The address may hold a password: it is never shown.
    """
    url = database_url(settings)
    if url is not None:
        yield url
        return
    from twinrail.engine.store.embedded import EmbeddedPostgres  # noqa: PLC0415 - absent where a database is given

    with EmbeddedPostgres(settings.state_dir / EMBEDDED_FOLDER) as server:
        yield server.dsn()
