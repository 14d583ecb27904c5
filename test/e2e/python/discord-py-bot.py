"""A discord.py bot without Discord; see lines.py. With --dave it supports end-to-end encryption."""

import asyncio
import sys

import aiohttp
import davey
import discord
import lines
from discord.ext import voice_recv
from discord.ext.voice_recv.gateway import hook
from discord.voice_state import VoiceConnectionState

with_dave = "--dave" in sys.argv


class ConnectionState(VoiceConnectionState):
    @property
    def max_dave_protocol_version(self):
        return super().max_dave_protocol_version if with_dave else 0


class VoiceClient(voice_recv.VoiceRecvClient):
    def create_connection_state(self):
        return ConnectionState(self, hook=self.on_message)

    async def on_message(self, ws, message):
        await hook(ws, message)
        if message["op"] == ws.SPEAKING:
            lines.tell("speaking", user_id=message["d"]["user_id"], speaking=message["d"]["speaking"])

    def start_listening(self):
        self.listen(NullSink())
        self._reader.packet_router.feed_rtp = self.packet_received

    def packet_received(self, packet):
        user_id = self._get_id_from_ssrc(packet.ssrc)
        lines.tell_heard(user_id, packet.ssrc, self.open_frame(user_id, bytes(packet.decrypted_data)))

    def open_frame(self, user_id, frame):
        """discord-ext-voice-recv does not support end-to-end encryption; discord.py's session has the keys."""
        state = self._connection
        if user_id is None or not state.can_encrypt:
            return frame
        try:
            return state.dave_session.decrypt(user_id, davey.MediaType.audio, frame)
        except Exception:
            return None


class Frames(discord.AudioSource):
    def __init__(self, frames):
        self.frames = iter(frames)

    def is_opus(self):
        return True

    def read(self):
        return next(self.frames, b"")


class NullSink(voice_recv.AudioSink):
    """Receives nothing: the jitter buffer in front of a sink drops packets on a slow machine, so the bot reads them before it."""

    def wants_opus(self):
        return True

    def write(self, user, data):
        pass

    def cleanup(self):
        pass


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
        self.voice = await channel.connect(cls=VoiceClient, timeout=60, reconnect=True)
        self.voice.start_listening()
        lines.tell("joined", mode=self.voice.mode, ssrc=self.voice.ssrc)

    async def dispatch(self, t, d):
        if self.is_moving and t == "VOICE_SERVER_UPDATE":
            await self.left_old_channel()
        getattr(self.state, f"parse_{t.lower()}")(d)

    async def play(self, frames):
        await lines.play(self.voice, Frames(lines.decoded(frames)))

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
