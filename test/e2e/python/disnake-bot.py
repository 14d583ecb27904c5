"""A disnake bot without Discord; see lines.py. It uses libdave. disnake cannot receive audio, so this program reads its socket."""

import asyncio

import aiohttp
import dave
import disnake
import lines
from disnake import voice_client

SPEAKING = 5


class Gateway(voice_client.DiscordVoiceWebSocket):
    async def _hook(self, _, message):
        if message["op"] == SPEAKING:
            d = message["d"]
            self._connection.users[d["ssrc"]] = int(d["user_id"])
            lines.tell("speaking", user_id=d["user_id"], speaking=d["speaking"])


voice_client.DiscordVoiceWebSocket = Gateway


class Keys(voice_client.DaveState):
    """disnake's DAVE state, with decryptors for the other members."""

    def __init__(self, client):
        super().__init__(client)
        self.decryptors = {}
        self.prepared = 0

    def add_recognized_user(self, user_id):
        super().add_recognized_user(user_id)
        self.decryptors[user_id] = dave.Decryptor()
        self.decryptors[user_id].transition_to_passthrough_mode(self.prepared == self.DISABLED_VERSION)

    async def prepare_transition(self, transition_id, version):
        self.prepared = version
        for user_id, decryptor in self.decryptors.items():
            decryptor.transition_to_passthrough_mode(version == self.DISABLED_VERSION)
            if version > 0 and (ratchet := self._session.get_key_ratchet(str(user_id))):
                decryptor.transition_to_key_ratchet(ratchet)
        await super().prepare_transition(transition_id, version)

    def open(self, user_id, frame):
        decryptor = self.decryptors.get(user_id)
        return None if decryptor is None else decryptor.decrypt(dave.MediaType.audio, frame)


class VoiceClient(disnake.VoiceClient):
    def __init__(self, client, channel):
        super().__init__(client, channel)
        self.dave = Keys(self)
        self.users = {}
        self.listens = False
        self.may_resume = asyncio.Event()

    def cut(self):
        """Cuts the TCP connection and sets the close code to 4015, the only one after which disnake resumes."""
        self.may_resume.clear()
        self.ws._close_code = 4015
        self.ws.ws._writer.transport.abort()

    async def connect_websocket(self, *, resume=False):
        if resume:
            await self.may_resume.wait()
        await super().connect_websocket(resume=resume)
        if self.listens:
            self.listen()
        if resume:
            lines.tell("resumed")

    async def on_voice_server_update(self, data):
        """The library opens another socket, whose first datagram it reads itself."""
        if self.listens:
            self.loop.remove_reader(self.socket.fileno())
        await super().on_voice_server_update(data)

    def listen(self):
        self.listens = True
        self.loop.add_reader(self.socket.fileno(), self.receive)

    def receive(self):
        packet = self.socket.recv(2048)
        if lines.is_audio(packet):
            ssrc = int.from_bytes(packet[8:12], "big")
            user_id = self.users.get(ssrc)
            lines.tell_heard(user_id, ssrc, self.dave.open(user_id, lines.unprotected(packet, self.secret_key)))


class Frames(lines.Frames, disnake.AudioSource):
    pass


class Bot:
    async def join(self, user_id, guild_id, channel_ids, channel_id):
        self.client = disnake.Client(intents=disnake.Intents(guilds=True))
        # The HTTP session that a login would create. It opens WebSockets only, and ignores proxy settings.
        self.client.http._HTTPClient__session = aiohttp.ClientSession(trust_env=False)
        self.state = self.client._connection
        self.state.user = disnake.ClientUser(state=self.state, data=lines.user(user_id))
        self.state._get_websocket = lambda *_, **__: lines.MainGateway()
        self.guild = disnake.Guild(data=lines.guild(guild_id, channel_ids, user_id), state=self.state)
        self.state._add_guild(self.guild)
        channel = self.guild.get_channel(int(channel_id))
        self.voice = await channel.connect(cls=VoiceClient, timeout=60, reconnect=True)
        self.voice.listen()
        lines.tell("joined", mode=self.voice.mode, ssrc=self.voice.ssrc)

    async def dispatch(self, t, d):
        getattr(self.state, f"parse_{t.lower()}")(d)

    async def play(self, frames):
        await lines.play(self.voice, Frames(lines.decoded(frames) + [lines.SILENCE] * 5))

    async def encryption(self):
        keys = self.voice.dave
        lines.tell_encryption(keys.voice_privacy_code if keys.can_encrypt() else None)

    async def cut(self):
        self.voice.cut()

    async def resume(self):
        self.voice.may_resume.set()

    async def leave(self):
        self.voice.loop.remove_reader(self.voice.socket.fileno())
        await self.voice.disconnect(force=True)
        await self.client.http._HTTPClient__session.close()
        lines.tell("left")


if __name__ == "__main__":
    asyncio.run(lines.serve(Bot()))
