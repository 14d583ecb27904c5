"""The keys of one user on Discord's libdave, for a client whose DAVE messages another program handles.

in   {"do": "open_keys", "client", "user_id", "channel_id"}                   out  {}
     {"do": "reset", "client"}                                                     {"payload"}: a key package
     {"do": "external_sender", "client", "payload"}                                {}
     {"do": "answer", "client", "payload", "users"}                                {"payload" or null}
     {"do": "commit" or "welcome", "client", "payload", "users"}                   {"authenticator", "users"}
     {"do": "seal", "client", "frame", "codec"}                                    {"frame"}
     {"do": "open", "client", "user_id", "frame", "media"}                         {"frame"}
     {"do": "allow_clear", "client", "seconds"}                                    {}
"""

import base64

import dave

VERSION = 1
SSRC = 1
CODECS = {"opus": dave.Codec.opus, "VP8": dave.Codec.vp8, "VP9": dave.Codec.vp9, "H264": dave.Codec.h264, "AV1": dave.Codec.av1}
MEDIA = {"audio": dave.MediaType.audio, "video": dave.MediaType.video}


class Keys:
    def __init__(self, user_id, channel_id):
        self.user_id = user_id
        self.channel_id = int(channel_id)
        self.session = dave.Session()
        self.encryptor = dave.Encryptor()
        self.decryptors = {}

    def reset(self):
        self.session.init(VERSION, self.channel_id, self.user_id, None)
        return {"payload": encoded(self.session.get_marshalled_key_package())}

    def external_sender(self, payload):
        self.session.set_external_sender(base64.b64decode(payload))
        return {}

    def answer(self, payload, users):
        commit = self.session.process_proposals(base64.b64decode(payload), {*users, self.user_id})
        return {"payload": encoded(commit)}

    def commit(self, payload, users):
        changes = self.session.process_commit(base64.b64decode(payload))
        if changes is dave.RejectType.failed:
            raise ValueError("libdave refuses the commit")
        return self.joined(users)

    def welcome(self, payload, users):
        if self.session.process_welcome(base64.b64decode(payload), {*users, self.user_id}) is None:
            raise ValueError("libdave refuses the welcome")
        return self.joined(users)

    def joined(self, users):
        """Users without a ratchet are not in the group."""
        ratchets = {user_id: self.session.get_key_ratchet(user_id) for user_id in users}
        ratchets = {user_id: ratchet for user_id, ratchet in ratchets.items() if ratchet is not None}
        for user_id, ratchet in ratchets.items():
            if user_id == self.user_id:
                self.encryptor.set_key_ratchet(ratchet)
            else:
                decryptor = self.decryptors.setdefault(user_id, dave.Decryptor())
                decryptor.transition_to_key_ratchet(ratchet)
        return {"authenticator": encoded(self.session.get_last_epoch_authenticator()), "users": list(ratchets)}

    def seal(self, frame, codec):
        self.encryptor.assign_ssrc_to_codec(SSRC, CODECS[codec])
        media = MEDIA["audio" if codec == "opus" else "video"]
        return answered(self.encryptor.encrypt(media, SSRC, base64.b64decode(frame)), "seal")

    def open(self, user_id, frame, media):
        decryptor = self.decryptors.setdefault(user_id, dave.Decryptor())
        return answered(decryptor.decrypt(MEDIA[media], base64.b64decode(frame)), "open")

    def allow_clear(self, seconds):
        for decryptor in self.decryptors.values():
            decryptor.transition_to_passthrough_mode(True)
            decryptor.transition_to_passthrough_mode(False, seconds)
        return {}


def encoded(payload):
    return None if payload is None else base64.b64encode(payload).decode()


def answered(frame, what):
    if frame is None:
        raise ValueError(f"libdave does not {what} it")
    return {"frame": encoded(frame)}
