"""DAVE clients on Discord's libdave, with the message handling of its sample. One JSON object per line on stdin and stdout.

in   {"do": "open", "client", "user_id", "channel_id"}          out  {}
     {"do": "receive", "client", "op", "data" or "payload"}          {"out": [{"op", "transition_id" or "payload"}]}
     {"do": "encrypt", "client", "frame"}                            {"frame"}
     {"do": "decrypt", "client", "user_id", "frame"}                 {"frame"}
     {"do": "view", "client"}                                        {"view": {"epoch", "authenticator", "users", "leaf"} or null}
A failure is answered with {"error"}. Bytes are base64. `keys.py` has the requests of clients without message handling.
"""

import base64
import json
import logging
import re
import sys

import dave
from keys import Keys

NEW_GROUP = 1
AT_ONCE = 0
SSRC = 1
PLACE = re.compile(r"our leaf index is (\d+); current epoch is (\d+)")


class Op:
    SESSION_DESCRIPTION = 4
    CLIENTS_CONNECT = 11
    CLIENT_DISCONNECT = 13
    PREPARE_TRANSITION = 21
    EXECUTE_TRANSITION = 22
    TRANSITION_READY = 23
    PREPARE_EPOCH = 24
    EXTERNAL_SENDER = 25
    KEY_PACKAGE = 26
    PROPOSALS = 27
    COMMIT_WELCOME = 28
    ANNOUNCE_COMMIT = 29
    WELCOME = 30
    INVALID_COMMIT_WELCOME = 31


class Places(logging.Handler):
    """libdave exposes its leaf index and epoch only in its log."""

    last = None

    def emit(self, record):
        if found := PLACE.search(record.getMessage()):
            self.last = {"leaf": int(found[1]), "epoch": int(found[2])}


places = Places()


class Client:
    def __init__(self, user_id, channel_id):
        self.user_id = user_id
        self.channel_id = int(channel_id)
        self.session = dave.Session()
        self.encryptor = dave.Encryptor()
        self.encryptor.assign_ssrc_to_codec(SSRC, dave.Codec.opus)
        self.encryptor.set_passthrough_mode(True)
        self.decryptors = {}
        self.transitions = {}
        self.prepared = 0
        self.roster = {}
        self.place = None
        self.out = []

    # From the node

    def receive(self, op, data=None, payload=None):
        self.out = []
        if payload is not None:
            self.receive_binary(op, base64.b64decode(payload))
        else:
            self.receive_text(op, data)
        return {"out": self.out}

    def receive_text(self, op, data):
        if op == Op.SESSION_DESCRIPTION:
            self.begin(data["dave_protocol_version"])
        elif op == Op.CLIENTS_CONNECT:
            for user_id in data["user_ids"]:
                self.add_user(user_id)
        elif op == Op.CLIENT_DISCONNECT:
            self.decryptors.pop(data["user_id"], None)
        elif op == Op.PREPARE_TRANSITION:
            self.prepare(data["transition_id"], data["protocol_version"])
        elif op == Op.EXECUTE_TRANSITION:
            self.execute(data["transition_id"])
        elif op == Op.PREPARE_EPOCH and data["epoch"] == NEW_GROUP:
            self.new_group(data["protocol_version"])

    def receive_binary(self, op, payload):
        if op == Op.EXTERNAL_SENDER:
            self.session.set_external_sender(payload)
        elif op == Op.PROPOSALS:
            if commit := self.session.process_proposals(payload, self.recognized()):
                self.say(Op.COMMIT_WELCOME, payload=commit)
        elif op == Op.ANNOUNCE_COMMIT:
            self.commit(int.from_bytes(payload[:2], "big"), payload[2:])
        elif op == Op.WELCOME:
            self.welcome(int.from_bytes(payload[:2], "big"), payload[2:])

    # The group

    def begin(self, version):
        if version > 0:
            self.new_group(version)
        else:
            self.prepare(AT_ONCE, version)

    def new_group(self, version):
        self.session.init(version, self.channel_id, self.user_id, None)
        self.say_key_package()

    def commit(self, transition_id, commit):
        changes = self.session.process_commit(commit)
        if changes is dave.RejectType.ignored:
            return
        if changes is dave.RejectType.failed:
            self.say(Op.INVALID_COMMIT_WELCOME, transition_id=transition_id)
            self.begin(self.session.get_protocol_version())
        else:
            self.joined(transition_id, changes)

    def welcome(self, transition_id, welcome):
        changes = self.session.process_welcome(welcome, self.recognized())
        if changes is None:
            self.say(Op.INVALID_COMMIT_WELCOME, transition_id=transition_id)
            self.say_key_package()
        else:
            self.joined(transition_id, changes)

    def joined(self, transition_id, changes):
        self.place = places.last
        self.roster |= {str(user_id): bool(key) for user_id, key in changes.items()}
        self.prepare(transition_id, self.session.get_protocol_version())

    def prepare(self, transition_id, version):
        self.prepared = version
        for user_id in self.decryptors:
            self.key_for(user_id, version)
        if transition_id == AT_ONCE:
            self.key_for(self.user_id, version)
        else:
            self.transitions[transition_id] = version
            self.say(Op.TRANSITION_READY, transition_id=transition_id)

    def execute(self, transition_id):
        version = self.transitions.pop(transition_id, None)
        if version is None:
            return
        if version == 0:
            self.session.reset()
        self.key_for(self.user_id, version)

    # Keys

    def add_user(self, user_id):
        if user_id not in self.decryptors:
            self.decryptors[user_id] = dave.Decryptor()
            self.key_for(user_id, self.prepared)

    def recognized(self):
        return {*self.decryptors, self.user_id}

    def key_for(self, user_id, version):
        ratchet = self.session.get_key_ratchet(user_id) if version > 0 else None
        if user_id == self.user_id:
            self.encryptor.set_passthrough_mode(version == 0)
            if ratchet is not None:
                self.encryptor.set_key_ratchet(ratchet)
            return
        decryptor = self.decryptors[user_id]
        decryptor.transition_to_passthrough_mode(version == 0)
        if ratchet is not None:
            decryptor.transition_to_key_ratchet(ratchet)

    def encrypt(self, frame):
        sealed = self.encryptor.encrypt(dave.MediaType.audio, SSRC, base64.b64decode(frame))
        return answer_frame(sealed, "encrypt")

    def decrypt(self, user_id, frame):
        opened = self.decryptors[user_id].decrypt(dave.MediaType.audio, base64.b64decode(frame))
        return answer_frame(opened, "decrypt")

    # To the node and the test

    def say_key_package(self):
        self.say(Op.KEY_PACKAGE, payload=self.session.get_marshalled_key_package())

    def say(self, op, payload=None, transition_id=None):
        if payload is None:
            self.out.append({"op": op, "transition_id": transition_id})
        else:
            self.out.append({"op": op, "payload": base64.b64encode(payload).decode()})

    def view(self):
        if not self.session.has_established_group():
            return {"view": None}
        authenticator = self.session.get_last_epoch_authenticator().hex()
        users = [user_id for user_id, is_member in self.roster.items() if is_member]
        return {"view": {"authenticator": authenticator, "users": users, **self.place}}


def answer_frame(frame, what):
    if frame is None:
        raise ValueError(f"libdave does not {what} it")
    return {"frame": base64.b64encode(frame).decode()}


def answer(clients, do, client, **fields):
    if do == "open" and client not in clients:
        clients[client] = Client(**fields)
        return {}
    if do == "open_keys":
        clients[client] = Keys(**fields)
        return {}
    return getattr(clients[client], do)(**fields)


def main():
    logger = logging.getLogger("dave")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    logger.addHandler(places)
    clients = {}
    for line in sys.stdin:
        try:
            said = answer(clients, **json.loads(line))
        except Exception as error:
            said = {"error": repr(error)}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
