"""An ordinary discord.py client that logs in to a test server: `discord-py-client.py REST GATEWAY TOKEN --dave`.

It uses the commands of lines.py, with these differences:

in   {"do": "join", "guild_id", "channel_id"}   {"do": "login"}   {"do": "move_member", "guild_id", "user_id", "channel_id"}
out  {"event": "logged_in", "user_id"}   {"event": "voice", "user_id", "channel_id"}   {"event": "member_moved"}
"""

import asyncio
import sys

import discord
import lines
import receiving
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

rest, gateway, token = sys.argv[1:4]
# How a test points discord.py at a test server.
Route.BASE = f"{rest}/v10"
DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)


class Client(discord.Client):
    def __init__(self):
        super().__init__(intents=discord.Intents(guilds=True, voice_states=True))
        self.logged_in = asyncio.Event()

    async def on_ready(self):
        self.logged_in.set()

    async def on_voice_state_update(self, member, before, after):
        channel_id = None if after.channel is None else str(after.channel.id)
        lines.tell("voice", user_id=str(member.id), channel_id=channel_id)


class Bot:
    async def login(self):
        self.client = Client()
        self.running = asyncio.create_task(self.client.start(token))
        ready = asyncio.create_task(self.client.logged_in.wait())
        await asyncio.wait([self.running, ready], return_when=asyncio.FIRST_COMPLETED)
        if self.running.done():
            self.running.result()
        lines.tell("logged_in", user_id=str(self.client.user.id))

    async def join(self, guild_id, channel_id):
        channel = self.client.get_guild(int(guild_id)).get_channel(int(channel_id))
        self.voice = await channel.connect(cls=receiving.VoiceClient, timeout=60, reconnect=True)
        self.voice.start_listening()
        lines.tell("joined", mode=self.voice.mode, ssrc=self.voice.ssrc)

    async def play(self, frames):
        await lines.play(self.voice, receiving.Frames(lines.decoded(frames)))

    async def encryption(self):
        state = self.voice._connection
        lines.tell_encryption(self.voice.voice_privacy_code if state.can_encrypt else None)

    async def move_member(self, guild_id, user_id, channel_id):
        """`channel_id` is None to disconnect the member."""
        guild = self.client.get_guild(int(guild_id))
        member = guild.get_member(int(user_id)) or await guild.fetch_member(int(user_id))
        await member.move_to(None if channel_id is None else guild.get_channel(int(channel_id)))
        lines.tell("member_moved")

    async def leave(self):
        await self.voice.disconnect(force=True)
        lines.tell("left")


if __name__ == "__main__":
    discord.utils.setup_logging(level=10 if "--debug" in sys.argv else 30, root=True)
    asyncio.run(lines.serve(Bot()))
