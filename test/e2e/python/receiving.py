"""discord.py's voice client with discord-ext-voice-recv, which reports what it receives. With --dave it encrypts end to end."""

import sys

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


class Frames(lines.Frames, discord.AudioSource):
    pass


class NullSink(voice_recv.AudioSink):
    """Receives nothing: the jitter buffer in front of a sink drops packets on a slow machine, so the bot reads them before it."""

    def wants_opus(self):
        return True

    def write(self, user, data):
        pass

    def cleanup(self):
        pass
