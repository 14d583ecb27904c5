"""A Pycord bot without Discord; see lines.py.

Pycord's receiver expects Discord's header extension in every packet, so this program reads packets itself. It works around two
faults: Pycord stops reading when a user leaves that is not being recorded, and its reader does not wake the event loop.
"""

import asyncio

import aiohttp
import davey
import discord
import lines
from discord import voice

SPEAKING = 5


class VoiceClient(voice.VoiceClient):
    async def _recv_hook(self, ws, message):
        await super()._recv_hook(ws, message)
        if message["op"] == SPEAKING:
            lines.tell("speaking", user_id=message["d"]["user_id"], speaking=message["d"]["speaking"])

    def _remove_ssrc(self, *, user_id):
        self._ssrc_to_id.pop(self._id_to_ssrc.pop(user_id, None), None)

    def listen(self):
        self._connection.add_socket_listener(self.receive)

    def receive(self, packet):
        if lines.is_audio(packet):
            ssrc = int.from_bytes(packet[8:12], "big")
            user_id = self._ssrc_to_id.get(ssrc)
            lines.tell_heard(user_id, ssrc, self.open_frame(user_id, lines.unprotected(packet, self.secret_key)))

    def open_frame(self, user_id, frame):
        try:
            return self._connection.dave_session.decrypt(user_id, davey.MediaType.audio, frame)
        except Exception:
            return None

    def is_encrypting(self):
        return self.is_dave_connection() and self._connection.dave_session.ready


class Frames(lines.Frames, discord.AudioSource):
    pass


async def stay_awake():
    while True:
        await asyncio.sleep(0.01)


class Bot:
    async def join(self, user_id, guild_id, channel_ids, channel_id):
        self.client = discord.Client(intents=discord.Intents(guilds=True), loop=asyncio.get_running_loop())
        # The HTTP session that a login would create. It opens WebSockets only, and ignores proxy settings.
        self.client.http._HTTPClient__session = aiohttp.ClientSession(trust_env=False)
        self.state = self.client._connection
        self.state.user = discord.ClientUser(state=self.state, data=lines.user(user_id))
        self.state._get_websocket = lambda *_, **__: lines.MainGateway()
        self.guild = discord.Guild(data=lines.guild(guild_id, channel_ids, user_id), state=self.state)
        self.state._add_guild(self.guild)
        self.awake = asyncio.create_task(stay_awake())
        channel = self.guild.get_channel(int(channel_id))
        self.voice = await channel.connect(cls=VoiceClient, timeout=60, reconnect=True)
        self.voice.listen()
        lines.tell("joined", mode=self.voice.mode, ssrc=self.voice.ssrc)

    async def dispatch(self, t, d):
        getattr(self.state, f"parse_{t.lower()}")(d)

    async def play(self, frames):
        await lines.play(self.voice, Frames(lines.decoded(frames) + [lines.SILENCE] * 5))

    async def encryption(self):
        lines.tell_encryption(self.voice.privacy_code if self.voice.is_encrypting() else None)

    async def leave(self):
        await self.voice.disconnect(force=True)
        self.awake.cancel()
        await self.client.http._HTTPClient__session.close()
        lines.tell("left")


if __name__ == "__main__":
    asyncio.run(lines.serve(Bot()))
