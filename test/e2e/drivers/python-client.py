"""A conformance driver: `python-client.py LIBRARY`, an ordinary client of discord.py, Pycord or disnake (docs/conformance.md)."""

import asyncio
import base64
import json
import os
import sys

LIBRARY = sys.argv[1]
if LIBRARY == "disnake":
    import disnake as discord
    from disnake.gateway import DiscordWebSocket
    from disnake.http import Route
else:
    import discord
    from discord.gateway import DiscordWebSocket
    from discord.http import Route

# How each library is pointed at a test server.
base = f"{os.environ['PARLEY_REST']}/v10"
if LIBRARY == "pycord":
    Route.API_BASE_URL = base
else:
    Route.BASE = base
if LIBRARY == "discord.py":
    import yarl

    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(os.environ["PARLEY_GATEWAY"])


class Frames(discord.AudioSource):
    def __init__(self, frames):
        self.frames = iter(frames)

    def is_opus(self):
        return True

    def read(self):
        return next(self.frames, b"")


class Driver:
    def __init__(self):
        intents = discord.Intents.none()
        intents.guilds = True
        intents.voice_states = True
        self.client = discord.Client(intents=intents)
        self.ready = asyncio.Event()
        self.client.event(self.on_ready)

    async def on_ready(self):
        self.ready.set()

    async def login(self, token):
        self.running = asyncio.create_task(self.client.start(token))
        ready = asyncio.create_task(self.ready.wait())
        await asyncio.wait([self.running, ready], return_when=asyncio.FIRST_COMPLETED)
        if self.running.done():
            self.running.result()
        return "logged_in", {"user_id": str(self.client.user.id)}

    async def join(self, guild_id, channel_id):
        channel = self.client.get_guild(int(guild_id)).get_channel(int(channel_id))
        self.voice = await channel.connect(timeout=15, reconnect=True)
        return "joined", {}

    async def play(self, frames):
        loop = asyncio.get_running_loop()
        played = loop.create_future()
        source = Frames([base64.b64decode(frame) for frame in frames])
        self.voice.play(source, after=lambda error: loop.call_soon_threadsafe(played.set_result, error))
        error = await played
        if error is not None:
            raise error
        return "played", {}

    async def leave(self):
        await self.voice.disconnect(force=True)
        return "left", {}


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


async def run(driver, do, fields):
    try:
        event, answer = await getattr(driver, do)(**fields)
        tell(event, **answer)
    except Exception as error:
        tell("failed", do=do, error=repr(error))


async def main():
    driver = Driver()
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = set()
    while line := await lines.readline():
        fields = json.loads(line)
        task = loop.create_task(run(driver, fields.pop("do"), fields))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


asyncio.run(main())
