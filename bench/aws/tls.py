"""TLS before moto, with an authority of its own: what a function meets on AWS, where everything is HTTPS."""

import asyncio
import ssl
import threading
from pathlib import Path

import trustme

# One file with all roots, as Lambda's provided.al2023 has one.
SYSTEM_ROOTS = Path("/etc/ssl/certs/ca-certificates.crt")


class TlsProxy:
    """Listens with TLS and passes everything on to `port`. `roots` is a file with the system's authorities and its own."""

    def __init__(self, directory, port):
        authority = trustme.CA()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("127.0.0.1", "localhost").configure_cert(self.context)
        self.roots = directory / "roots.pem"
        self.roots.write_bytes(SYSTEM_ROOTS.read_bytes() + authority.cert_pem.bytes())
        self.inner_port, started = port, threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True).start()
        started.wait()
        self.url = f"https://127.0.0.1:{self.port}"

    async def _serve(self, started):
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self.context)
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        await server.serve_forever()

    async def _connected(self, reader, writer):
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.inner_port)
        await asyncio.gather(passed_on(reader, inner_writer), passed_on(inner_reader, writer))


async def passed_on(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()
