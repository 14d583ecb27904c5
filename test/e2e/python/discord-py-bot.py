"""A discord.py bot without Discord; see lines.py. With --dave it supports end-to-end encryption."""

import asyncio
import sys

import aiohttp
import discord
import lines
import receiving


class Bot:
    is_moving = False

    async def join(self, user_id, guild_id, channel_ids, channel_id):
        self.client = discord.Client(intents=discord.Intents(guilds=True))
        await self.client._async_setup_hook()
        # The HTTP session that a login would create. It opens WebSockets only, and ignores proxy settings.
        self.client.http._HTTPClient__session = aiohttp.ClientSession(trust_env=False)
        self.state = self.client._connection
        self.state.user = discord.ClientUser(state=self.state, data=lines.user(user_id))
        self.state._get_websocket = lambda *_, **__: lines.MainGateway()
        self.guild = discord.Guild(data=lines.guild(guild_id, channel_ids, user_id), state=self.state)
        self.state._add_guild(self.guild)
        channel = self.guild.get_channel(int(channel_id))
        self.voice = await channel.connect(cls=receiving.VoiceClient, timeout=60, reconnect=True)
        self.voice.start_listening()
        lines.tell("joined", mode=self.voice.mode, ssrc=self.voice.ssrc)

    async def dispatch(self, t, d):
        if self.is_moving and t == "VOICE_SERVER_UPDATE":
            await self.left_old_channel()
        getattr(self.state, f"parse_{t.lower()}")(d)

    async def play(self, frames):
        await lines.play(self.voice, receiving.Frames(lines.decoded(frames)))

    async def move(self, channel_id):
        # discord.py's reader waits up to 30 s for a datagram on its old socket. A ping makes the node answer, which ends the wait.
        self.voice.stop_listening()
        self.voice._connection.send_packet(bytes.fromhex("1337cafe00000001"))
        self.is_moving = True
        await self.voice.move_to(self.guild.get_channel(int(channel_id)), timeout=60)
        self.is_moving = False
        self.voice.start_listening()
        lines.tell("moved", ssrc=self.voice.ssrc)

    async def left_old_channel(self):
        """discord.py misses a VOICE_SERVER_UPDATE that arrives while its old connection closes, so this waits for the close."""
        while self.voice.ws.ws.close_code is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    async def encryption(self):
        state = self.voice._connection
        lines.tell_encryption(self.voice.voice_privacy_code if state.can_encrypt else None)

    async def leave(self):
        await self.voice.disconnect(force=True)
        await self.client.http._HTTPClient__session.close()
        lines.tell("left")


if __name__ == "__main__":
    discord.utils.setup_logging(level=10 if "--debug" in sys.argv else 30, root=True)
    asyncio.run(lines.serve(Bot()))
