"""Common code of the bots here, and of ../drivers/python-client.py: one JSON object per line on stdin and stdout.

For the bots here the test acts as their main gateway.

in   {"do": "join", "user_id", "guild_id", "channel_ids", "channel_id"}   {"do": "dispatch", "t", "d"}   {"do": "play", "frames"}
     {"do": "move", "channel_id"}   {"do": "encryption"}   {"do": "cut"}   {"do": "resume"}   {"do": "leave"}
out  {"event": "asks", "d"}   {"event": "joined", "mode", "ssrc"}   {"event": "heard", "user_id", "ssrc", "frame"}
     {"event": "speaking", "user_id", "speaking"}   {"event": "played"}   {"event": "moved", "ssrc"}
     {"event": "encryption", "code"}   {"event": "resumed"}   {"event": "left"}
"""

import asyncio
import base64
import json
import sys
import threading

import nacl.secret

TAG_AND_NONCE = 20
SILENCE = bytes([0xF8, 0xFF, 0xFE])

writing = threading.Lock()


def tell(event, **fields):
    with writing:
        print(json.dumps({"event": event, **fields}), flush=True)


def tell_heard(user_id, ssrc, frame):
    """`frame` is None if it could not be decrypted."""
    user_id = None if user_id is None else str(user_id)
    tell("heard", user_id=user_id, ssrc=ssrc, frame=None if frame is None else base64.b64encode(bytes(frame)).decode())


def tell_encryption(code):
    """`code` is None while the bot does not encrypt."""
    tell("encryption", code=code or None)


class MainGateway:
    """The main gateway that the library sends voice state updates to."""

    async def voice_state(self, guild_id, channel_id, self_mute=False, self_deaf=False):
        channel = None if channel_id is None else str(channel_id)
        tell("asks", d={"guild_id": str(guild_id), "channel_id": channel})


def user(user_id):
    return {"id": user_id, "username": "bot", "discriminator": "0", "avatar": None, "bot": True}


def guild(guild_id, channel_ids, user_id):
    voice = {"type": 2, "position": 0, "permission_overwrites": [], "bitrate": 64000, "user_limit": 0}
    channels = [voice | {"id": id, "name": id} for id in channel_ids]
    me = {"user": user(user_id), "roles": [], "flags": 0, "joined_at": None}
    return {"id": guild_id, "name": "guild", "channels": channels, "members": [me]}


class Frames:
    """Opus frames for a library's AudioSource."""

    def __init__(self, frames):
        self.frames = iter(frames)

    def is_opus(self):
        return True

    def read(self):
        return next(self.frames, b"")


async def played(voice, source):
    """Returns when the library has played the source: its error, or None."""
    loop = asyncio.get_running_loop()
    end = loop.create_future()
    voice.play(source, after=lambda error: loop.call_soon_threadsafe(end.set_result, error))
    return await end


async def play(voice, source):
    error = await played(voice, source)
    tell("played", error=None if error is None else repr(error))


def is_audio(packet):
    return len(packet) > 12 + TAG_AND_NONCE and packet[0] >> 6 == 2 and packet[1] & 0x7F == 0x78


def unprotected(packet, secret_key):
    """Opens a packet of aead_xchacha20_poly1305_rtpsize: the header is authenticated, the extension's body is encrypted too."""
    header = 12 + 4 * (packet[0] & 0x0F)
    extension = 0
    if packet[0] & 0x10:
        extension = 4 * int.from_bytes(packet[header + 2 : header + 4], "big")
        header += 4
    nonce = packet[-4:] + bytes(20)
    box = nacl.secret.Aead(bytes(secret_key))
    return box.decrypt(packet[header:-4], packet[:header], nonce)[extension:]


def decoded(frames):
    return [base64.b64decode(frame) for frame in frames]


async def run(bot, do, fields):
    try:
        await getattr(bot, do)(**fields)
    except Exception as error:
        tell("failed", do=do, error=repr(error))


async def serve(bot):
    lines = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    tasks = set()
    while line := await lines.readline():
        fields = json.loads(line)
        task = loop.create_task(run(bot, fields.pop("do"), fields))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
