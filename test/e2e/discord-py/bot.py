"""A discord.py bot without Discord: the test beside it plays the main gateway, one JSON object per line on stdin and stdout.

in   {"do": "join", "user_id", "guild_id", "channel_ids", "channel_id"}   {"do": "dispatch", "t", "d"}   {"do": "play", "frames"}
     {"do": "move", "channel_id"}   {"do": "leave"}
out  {"event": "asks", "d"}   {"event": "joined", "mode", "ssrc"}   {"event": "heard", "user_id", "ssrc", "frame"}
     {"event": "speaking", "user_id", "speaking"}   {"event": "played"}   {"event": "moved", "ssrc"}   {"event": "left"}
"""

import asyncio
import base64
import json
import sys
import threading

import aiohttp
import discord
from discord.ext import voice_recv
from discord.ext.voice_recv.gateway import hook
from discord.voice_state import VoiceConnectionState

writing = threading.Lock()


def tell(event, **fields):
    with writing:
        print(json.dumps({"event": event, **fields}), flush=True)


class MainGateway:
    """What discord.py asks of its main gateway when it wants to be somewhere else."""

    async def voice_state(self, guild_id, channel_id, self_mute=False, self_deaf=False):
        channel = None if channel_id is None else str(channel_id)
        tell("asks", d={"guild_id": str(guild_id), "channel_id": channel})


class ConnectionState(VoiceConnectionState):
    """Without end-to-end encryption, as in a channel where somebody's client has none."""

    max_dave_protocol_version = 0


class VoiceClient(voice_recv.VoiceRecvClient):
    def create_connection_state(self):
        return ConnectionState(self, hook=self.on_message)

    async def on_message(self, ws, message):
        await hook(ws, message)
        if message["op"] == ws.SPEAKING:
            tell("speaking", user_id=message["d"]["user_id"], speaking=message["d"]["speaking"])


class Frames(discord.AudioSource):
    def __init__(self, frames):
        self.frames = iter(frames)

    def is_opus(self):
        return True

    def read(self):
        return next(self.frames, b"")


class Ear(voice_recv.AudioSink):
    def wants_opus(self):
        return True

    def write(self, user, data):
        ssrc = data.packet.ssrc
        user_id = self.voice_client._get_id_from_ssrc(ssrc)
        frame = base64.b64encode(bytes(data.opus or b"")).decode()
        tell("heard", user_id=None if user_id is None else str(user_id), ssrc=ssrc, frame=frame)

    def cleanup(self):
        pass


class Bot:
    is_moving = False

    async def join(self, user_id, guild_id, channel_ids, channel_id):
        self.client = discord.Client(intents=discord.Intents(guilds=True))
        await self.client._async_setup_hook()
        # The session that a login would make: only its WebSocket is used, and no proxy may stand between.
        self.client.http._HTTPClient__session = aiohttp.ClientSession(trust_env=False)
        self.state = self.client._connection
        self.state.user = discord.ClientUser(
            state=self.state, data={"id": user_id, "username": "bot", "discriminator": "0", "avatar": None, "bot": True}
        )
        self.state._get_websocket = lambda *_, **__: MainGateway()
        channels = [
            {"id": id, "type": 2, "name": id, "position": 0, "permission_overwrites": [], "bitrate": 64000, "user_limit": 0}
            for id in channel_ids
        ]
        me = {"user": {"id": user_id, "username": "bot", "discriminator": "0", "avatar": None}, "roles": [], "flags": 0}
        data = {"id": guild_id, "name": "guild", "channels": channels, "members": [me | {"joined_at": None}]}
        guild = discord.Guild(data=data, state=self.state)
        self.state._add_guild(guild)
        self.guild = guild
        self.voice = await guild.get_channel(int(channel_id)).connect(cls=VoiceClient, timeout=20, reconnect=True)
        self.voice.listen(Ear())
        tell("joined", mode=self.voice.mode, ssrc=self.voice.ssrc)

    async def dispatch(self, t, d):
        if self.is_moving and t == "VOICE_SERVER_UPDATE":
            await self.left_old_channel()
        getattr(self.state, f"parse_{t.lower()}")(d)

    async def play(self, frames):
        loop = asyncio.get_running_loop()
        played = loop.create_future()
        source = Frames([base64.b64decode(frame) for frame in frames])
        self.voice.play(source, after=lambda error: loop.call_soon_threadsafe(played.set_result, error))
        error = await played
        tell("played", error=None if error is None else repr(error))

    async def move(self, channel_id):
        # discord.py's reader waits for its old socket, 30 s long if nothing comes: let it go idle, woken by a last answer.
        self.voice.stop_listening()
        self.voice._connection.send_packet(bytes.fromhex("1337cafe00000001"))
        self.is_moving = True
        await self.voice.move_to(self.guild.get_channel(int(channel_id)), timeout=20)
        self.is_moving = False
        self.voice.listen(Ear())
        tell("moved", ssrc=self.voice.ssrc)

    async def left_old_channel(self):
        """discord.py misses a VOICE_SERVER_UPDATE that comes in the very moment in which its old connection closes."""
        while self.voice.ws.ws.close_code is None:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    async def leave(self):
        await self.voice.disconnect(force=True)
        await self.client.http._HTTPClient__session.close()
        tell("left")


async def run(bot, do, fields):
    try:
        await getattr(bot, do)(**fields)
    except Exception as error:
        tell("failed", do=do, error=repr(error))


async def main():
    bot = Bot()
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = set()
    while line := await lines.readline():
        fields = json.loads(line)
        task = loop.create_task(run(bot, fields.pop("do"), fields))
        tasks.add(task)
        task.add_done_callback(tasks.discard)


if __name__ == "__main__":
    discord.utils.setup_logging(level=10 if "--debug" in sys.argv else 30, root=True)
    asyncio.run(main())
