"""Settings: each declared once, with its type, its default and what it is for.

The TOML key, the environment variable (LOGCOLLECTOR_ and the key in capitals),
the flag of `serve`, its help text and config.example.toml follow from that.
Settings that begin with the name of a group stand in a table of a file:
http_address is address under [http].
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, get_type_hints

import msgspec
from msgspec import Meta

from collector.addresses import (
    Address,
    TcpAddress,
    parse_address,
    parse_http_address,
)
from collector.formats import DEFAULT_DATEFMT, DEFAULT_FORMAT
from collector.listen_settings import (
    Count,
    CountOrNone,
    KeepaliveSeconds,
    ListenerSettings,
    ListenTable,
    Seconds,
    listener_settings,
)
from collector.setting_values import parse_level
from collector.storable import MAX_EXTRA_DEPTH

ENVIRONMENT_PREFIX: Final = "LOGCOLLECTOR_"

# Variables with that prefix that are other options' (--config, send --to), or
# the build's.
NO_SETTINGS: Final = ("CONFIG", "INTERPRETED", "TO")

# Settings that stand in a table of their own in a file.
GROUPS: Final = ("retention", "http")

# Settings whose values are not shown.
SECRETS: Final = ("http_token",)

Port = Annotated[int, Meta(ge=0, le=65535)]


def _about(text: str) -> Meta:
    return Meta(description=text)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """All settings of the daemon, with their defaults."""

    # --- where to listen
    host: Annotated[str, _about("Host name or IP address to listen on.")] = "127.0.0.1"
    port: Annotated[Port, _about("TCP port; 0 picks a free one.")] = 9020
    listen: Annotated[
        tuple[str | ListenTable, ...],
        _about(
            "Addresses instead of host and port: HOST:PORT, [IPV6]:PORT, /PATH; "
            "in a file also [[listen]]."
        ),
    ] = ()
    socket_mode: Annotated[
        str, _about("Mode of UNIX sockets, such as 0660; empty: as the umask says.")
    ] = ""
    socket_group: Annotated[
        str, _about("Group of UNIX sockets, a name or number; empty: the process's.")
    ] = ""
    loop: Annotated[
        Literal["auto", "uvloop", "asyncio"],
        _about("The event loop; auto takes uvloop where it is installed."),
    ] = "auto"

    # --- who may connect
    allow: Annotated[
        tuple[str, ...],
        _about("Networks that may connect, such as 10.0.0.0/8; empty: all."),
    ] = ()
    tls_cert: Annotated[
        str, _about("Certificate for TLS, with its chain (PEM); empty: no TLS.")
    ] = ""
    tls_key: Annotated[
        str, _about("Private key (PEM); empty: it is in the file of tls_cert.")
    ] = ""
    tls_client_ca: Annotated[
        str, _about("CA that clients need a certificate of (PEM); empty: none needed.")
    ] = ""
    tls_client_names: Annotated[
        tuple[str, ...],
        _about("Names of which a client's certificate needs one; empty: any."),
    ] = ()
    tls_handshake_timeout_seconds: Annotated[
        Seconds, _about("How long a peer may take to begin TLS.")
    ] = 10.0

    # --- what a peer may do
    max_frame_bytes: Annotated[
        Count, _about("Longest payload; a longer one closes the connection.")
    ] = 16 * 1024 * 1024
    frame_timeout_seconds: Annotated[
        Seconds,
        _about("How long one frame may take to arrive. Between frames: for ever."),
    ] = 30.0
    max_connections: Annotated[
        Count,
        _about("Open connections in all, as far as descriptors last; more must wait."),
    ] = 4096
    max_connections_per_peer: Annotated[
        Count, _about("Open connections of one address; more are refused.")
    ] = 1024
    max_records_per_second: Annotated[
        CountOrNone,
        _about(
            "Records that one address may send a second; more are shed. 0: no limit."
        ),
    ] = 0
    max_bytes_per_second: Annotated[
        CountOrNone,
        _about("Bytes that one address may send a second; more are shed. 0: no limit."),
    ] = 0
    tcp_keepalive_seconds: Annotated[
        KeepaliveSeconds,
        _about("After how long a TCP peer that no longer answers counts as gone."),
    ] = 90
    decode_max_operations: Annotated[
        Annotated[int, Meta(ge=1000)],
        _about("Opcodes of a pickle, or values of a document, that are read."),
    ] = 50_000
    decode_max_items: Annotated[
        Count, _about("Values kept of one record's containers; more are cut off.")
    ] = 10_000
    decode_max_depth: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_EXTRA_DEPTH)],
        _about("Nesting kept of one attribute; deeper is cut off."),
    ] = 64
    decode_max_text_bytes: Annotated[
        Count, _about("Memory for the large texts of one record.")
    ] = 48 * 1024 * 1024
    resolve_hostnames: Annotated[
        bool, _about("Ask the DNS for the names of peers; else their addresses stand.")
    ] = True

    # --- what is emitted
    emit: Annotated[
        str,
        _about(
            "Where lines go: stdout, stderr, none, logging (see [logging]), "
            "or a file's path."
        ),
    ] = "stdout"
    emit_level: Annotated[
        str, _about("Lowest level that is emitted, a name or a number.")
    ] = "NOTSET"
    emit_extra: Annotated[
        bool, _about("Show extra attributes as JSON at the end of the line.")
    ] = True
    emit_queue_records: Annotated[
        Count, _about("Records that may wait for a slow output; more are dropped.")
    ] = 20_000
    emit_rotate_bytes: Annotated[
        CountOrNone, _about("Size at which a file is rotated; 0: never.")
    ] = 0
    emit_rotate_when: Annotated[
        Literal["", "H", "D", "midnight"],
        _about("Time at which a file is rotated: H, D, midnight; empty: never."),
    ] = ""
    emit_rotate_keep: Annotated[CountOrNone, _about("Rotated files that are kept.")] = 7
    format: Annotated[
        str, _about("Format of a line, as in logging: %(name)s and so on.")
    ] = DEFAULT_FORMAT
    datefmt: Annotated[
        str, _about("Format of %(asctime)s, as in time.strftime; empty: ISO, with ms.")
    ] = DEFAULT_DATEFMT
    logname: Annotated[
        str, _about("Name shown instead of each record's own; empty: its own.")
    ] = ""

    # --- what is stored
    db: Annotated[
        str, _about("The SQLite database; empty: records are emitted only.")
    ] = "logs.sqlite"
    batch_records: Annotated[
        Annotated[int, Meta(ge=1, le=1_000_000)],
        _about("Most records of one transaction."),
    ] = 8_192
    flush_interval_seconds: Annotated[
        Seconds, _about("Longest wait of a record for its transaction.")
    ] = 0.1
    synchronous: Annotated[
        Literal["off", "normal", "full", "extra"],
        _about("SQLite's synchronous; below full a power cut may lose records."),
    ] = "full"
    queue_high_records: Annotated[
        Count, _about("Records that may wait in memory for the database.")
    ] = 30_000
    queue_high_bytes: Annotated[
        Count, _about("Bytes of payload that may wait in memory for the database.")
    ] = 64 * 1024 * 1024
    max_rejects: Annotated[
        Count, _about("Rejected frames that are kept; the oldest go first.")
    ] = 10_000
    search_index: Annotated[
        bool, _about("Keep an index for text searches: some 70 bytes a record.")
    ] = True
    spool: Annotated[
        str,
        _about(
            "Folder for records that the database can't take yet; empty: beside it."
        ),
    ] = ""
    spool_max_bytes: Annotated[
        CountOrNone, _about("Most bytes of the spool; 0: none, and records are shed.")
    ] = 1024 * 1024 * 1024
    spool_sync_seconds: Annotated[
        Seconds, _about("How often the spool is made to outlast a power cut.")
    ] = 1.0
    spool_reserve_bytes: Annotated[
        CountOrNone, _about("Space kept for the spool until the disk is full.")
    ] = 16 * 1024 * 1024

    # --- how to stop
    stop_timeout_seconds: Annotated[
        Annotated[float, Meta(gt=0, le=50)],
        _about("How long a stop may take to write what has arrived."),
    ] = 4.5

    # --- how long records are kept
    retention_max_age: Annotated[
        str, _about("Age at which records are removed, such as 90d; empty: never.")
    ] = ""
    retention_max_size: Annotated[
        str,
        _about(
            "Size of the database above which the oldest records are removed, "
            "such as 20GB; empty: no limit."
        ),
    ] = ""
    retention_debug: Annotated[
        str, _about("Another age for records below INFO; empty: max_age.")
    ] = ""
    retention_info: Annotated[
        str, _about("Another age for INFO and up to WARNING; empty: max_age.")
    ] = ""
    retention_warning: Annotated[
        str, _about("Another age for WARNING and up to ERROR; empty: max_age.")
    ] = ""
    retention_error: Annotated[
        str, _about("Another age for ERROR and up to CRITICAL; empty: max_age.")
    ] = ""
    retention_critical: Annotated[
        str, _about("Another age for CRITICAL and above; empty: max_age.")
    ] = ""
    retention_reserve_bytes: Annotated[
        CountOrNone, _about("Space kept for removing records from a full disk.")
    ] = 16 * 1024 * 1024

    # --- how it is watched
    http_address: Annotated[
        str,
        _about(
            "Where to serve health and metrics: PORT of this host, HOST:PORT; "
            "empty: nowhere."
        ),
    ] = ""
    http_token: Annotated[
        str, _about("What each request must carry, as Authorization: Bearer TOKEN.")
    ] = ""
    http_token_file: Annotated[
        str, _about("A file with that token, if http_token is empty.")
    ] = ""
    http_allowed_hosts: Annotated[
        tuple[str, ...],
        _about("Further names by which requests may call this host."),
    ] = ()

    # --- the local logging policy
    logging: Annotated[
        dict[str, Any],
        _about('A logging.config.dictConfig, used with emit = "logging".'),
    ] = {}

    def addresses(self) -> list[Address]:
        """Return the addresses to listen on."""
        return [listener.address for listener in self.listeners()]

    def listeners(self) -> list[ListenerSettings]:
        """Return what to listen on, each with all that holds for it.

        Raises ConfigError for what does not fit together.
        """
        if not self.listen:
            return [self.listener(TcpAddress(self.host, self.port))]
        return [
            self.listener(parse_address(entry))
            if isinstance(entry, str)
            else self.listener(parse_address(entry.address), entry)
            for entry in self.listen
        ]

    def listener(
        self, address: Address, table: ListenTable | None = None
    ) -> ListenerSettings:
        """Return what holds at an address, by its table or without one.

        Raises ConfigError for what does not fit together.
        """
        flat = ListenTable(
            address="",
            tls_cert=self.tls_cert,
            tls_key=self.tls_key,
            tls_client_ca=self.tls_client_ca,
            tls_client_names=self.tls_client_names,
            allow=self.allow,
            mode=self.socket_mode,
            group=self.socket_group,
            max_connections=self.max_connections,
            max_connections_per_peer=self.max_connections_per_peer,
            max_frame_bytes=self.max_frame_bytes,
            frame_timeout_seconds=self.frame_timeout_seconds,
            max_records_per_second=self.max_records_per_second,
            max_bytes_per_second=self.max_bytes_per_second,
            tcp_keepalive_seconds=self.tcp_keepalive_seconds,
        )
        return listener_settings(
            address,
            table,
            flat,
            handshake_timeout_seconds=self.tls_handshake_timeout_seconds,
        )

    def http(self) -> Address | None:
        """Return the address to serve HTTP on, if there is to be one."""
        return parse_http_address(self.http_address) if self.http_address else None

    def emit_levelno(self) -> int:
        """Return emit_level as a number."""
        return parse_level(self.emit_level)


# The settings that are lists of texts.
LISTS: Final = frozenset(
    field.name
    for field in msgspec.structs.fields(Settings)
    if isinstance(field.default, tuple)
)


def descriptions() -> dict[str, str]:
    """Return what each setting is for, by key, in order."""
    hints = get_type_hints(Settings, include_extras=True)
    return {
        field.name: next(
            meta.description
            for meta in reversed(hints[field.name].__metadata__)
            if meta.description
        )
        for field in msgspec.structs.fields(Settings)
    }
