"""A conformance driver: hikari with hikari-wave, an ordinary bot that logs in to a test server (docs/testing-your-bot.md)."""

import asyncio
import base64
import hashlib
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../python"))
import hikari
import hikariwave
import lines

rest = os.environ["PARLEY_REST"]


def with_id(token):
    """The token behind an id, as Discord's tokens are: hikari reads the id from it."""
    number = 1_500_000_000_000_000_000 + int.from_bytes(hashlib.sha256(token.encode()).digest()[:6])
    return f"{base64.b64encode(str(number).encode()).decode().rstrip('=')}.{token}"


class Source(hikariwave.AudioSource):
    """Opus frames. The library's own sources are files and URLs, which it encodes with FFmpeg."""

    def __init__(self, frames):
        self._content = self._name = self._bitrate = self._channels = self._duration = self._volume = None
        self.frames = frames


class Encoder:
    """Gives the frames to the player as they are, where the library runs FFmpeg."""

    async def submit(self, source, connection):
        store = connection.player._store
        for frame in source.frames:
            await store.store_frame(frame, store._generation)
        await store.store_frame(None, store._generation)

    async def stop(self):
        pass


class Driver:
    async def login(self, token):
        self.bot = hikari.GatewayBot(
            with_id(token),
            rest_url=f"{rest}/v10",
            banner=None,
            logs="WARNING",
            suppress_optimization_warning=True,
            intents=hikari.Intents.GUILDS | hikari.Intents.GUILD_VOICE_STATES,
        )
        self.voice = hikariwave.VoiceClient(self.bot)
        self.voice._ffmpeg = Encoder()
        available = asyncio.create_task(self.bot.wait_for(hikari.GuildAvailableEvent, 30))
        await self.bot.start(check_for_updates=False)
        await available
        lines.tell("logged_in", user_id=str(self.bot.get_me().id))

    async def join(self, guild_id, channel_id):
        guild = int(guild_id)
        if self.voice.get_connection(guild_id=guild) is None:
            await self.voice.connect(guild, int(channel_id), deaf=False)
        else:
            await self.voice.move(int(channel_id), guild_id=guild, deaf=False)
        self.guild = guild
        lines.tell("joined")

    async def play(self, frames):
        connection = self.voice.get_connection(guild_id=self.guild)
        ended = asyncio.create_task(self.bot.wait_for(hikariwave.AudioEndEvent, 15))
        await connection.player.play(Source(lines.decoded(frames)))
        await ended
        lines.tell("played")

    async def leave(self):
        await self.voice.disconnect(guild_id=self.guild)
        await self.bot.update_voice_state(self.guild, None)
        lines.tell("left")

    async def state(self, guild_id, user_id):
        found = self.bot.cache.get_voice_state(int(guild_id), int(user_id))
        if found is None or found.channel_id is None:
            return lines.tell("state", channel_id=None, mute=False, suppress=False)
        lines.tell(
            "state", channel_id=str(found.channel_id), mute=found.is_guild_muted, suppress=found.is_suppressed
        )

    async def move_member(self, guild_id, user_id, channel_id):
        channel = None if channel_id is None else int(channel_id)
        await self.bot.rest.edit_member(int(guild_id), int(user_id), voice_channel=channel)
        lines.tell("member_moved")

    async def mute_member(self, guild_id, user_id, on):
        await self.bot.rest.edit_member(int(guild_id), int(user_id), mute=on)
        lines.tell("member_muted")

    async def deny_speak(self, channel_id, user_id, on):
        if on:
            await self.bot.rest.edit_permission_overwrite(
                int(channel_id),
                int(user_id),
                target_type=hikari.PermissionOverwriteType.MEMBER,
                deny=hikari.Permissions.SPEAK,
            )
        else:
            await self.bot.rest.delete_permission_overwrite(int(channel_id), int(user_id))
        lines.tell("permission_set")


async def main():
    await lines.serve(Driver())


asyncio.run(main())
