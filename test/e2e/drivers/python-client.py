"""A conformance driver: `python-client.py LIBRARY`, an ordinary client of discord.py, Pycord or disnake (docs/conformance.md)."""

import asyncio
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../python"))
import lines

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


class Frames(lines.Frames, discord.AudioSource):
    pass


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
        lines.tell("logged_in", user_id=str(self.client.user.id))

    async def join(self, guild_id, channel_id):
        channel = self.client.get_guild(int(guild_id)).get_channel(int(channel_id))
        self.voice = await channel.connect(timeout=15, reconnect=True)
        lines.tell("joined")

    async def play(self, frames):
        error = await lines.played(self.voice, Frames(lines.decoded(frames)))
        if error is not None:
            raise error
        lines.tell("played")

    async def leave(self):
        await self.voice.disconnect(force=True)
        lines.tell("left")


async def main():
    await lines.serve(Driver())


asyncio.run(main())
