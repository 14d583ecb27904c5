// The bounds of messages in one place: name, value, reason. Lengths of texts are in characters, times in milliseconds.

export const PROTOCOL_LIMITS = {
  /** A session id. Discord's and ours have 32. */
  sessionId: 128,
  /** A token. Ours have 43, a channel of an adopting backend may bring longer ones. */
  token: 512,
  /** A name on the wire: encryption mode, capability, experiment, connection id, name or version of a node. */
  name: 64,
  /** Names in one list. A node offers six capabilities and seven modes. */
  names: 64,
  /** `host[:port]`: a DNS name has 253. */
  endpoint: 512,
  /** A human-readable message. */
  text: 512,
  /** Milliseconds until a node that drains for the operator closes what is left: a week. */
  clusterDeadline: 7 * 86_400_000,
  /** Fencing number of a placement. Fronts begin at the milliseconds since 1970, 2 ** 41; numbers are exact up to 2 ** 53. */
  clusterEpoch: 2 ** 52,
  /** Backends whose fencing numbers a heartbeat names: as many as a node may have. With the longest ids they take 3,328 characters. */
  clusterTenants: 64,
  /** Characters of a cluster record. Those of this version have about 400. */
  clusterRecord: 4_096,
  /** A codec name, a protocol name, a rid. */
  shortName: 32,
  /** The type of a stream or resolution: `video`, `screen`, `fixed`. */
  type: 16,
  /** An address in Select Protocol: an IPv6 address has 45. */
  address: 64,

  /** Simulcast layers that a client may offer or declare. Discord's clients have three. */
  streams: 4,
  /** Codecs in one list. Discord's web client lists about ten. */
  codecs: 32,
  /** Entries of one Media Sink Wants message: several per member of a large call. */
  wants: 1_024,
  /** A key of Media Sink Wants: `any`, `pixelCounts` or an SSRC. */
  wantKey: 16,
  /** Pixels in Media Sink Wants: more than any display has. */
  pixels: 2 ** 31 - 1,

  /** An SDP offer. Chromium's complete offer with video has about 8,000. */
  sdp: 20_480,
  /** Lines of an SDP offer that are read. Chromium's has about 300. */
  sdpLines: 2_000,
  /** Username of a STUN request: two ufrags of at most 256 and a colon (RFC 8445 §5.3). */
  stunUsername: 513,

  /** Channels in one SYNC message; longer lists are sent in parts. */
  syncChannels: 1_000,
  /** Users of one channel in one SYNC message. */
  syncUsers: 5_000,
  /** Grace period of a SYNC, in seconds: an hour. */
  syncGrace: 3_600,
  /** LVSP heartbeat interval: a day. */
  lvspHeartbeatInterval: 86_400_000,
  /** Nonce in HELLO. Ours have 10. */
  lvspNonce: 128,
  /** Bit rate of a channel, in bits per second. Discord's maximum is 384,000. */
  bitrate: 10_000_000,
  /** Bit rate that a backend may set as a limit of a channel or of its members, in bits per second. */
  bitrateLimit: 100_000_000_000,
  /** User limit of a channel. */
  userLimit: 100_000,
  /** Client flags and platform: a signed 32-bit integer, as clients hold them. */
  memberFlags: 0x7fff_ffff,

  /** Packets that one transport-wide feedback covers: 50 ms of 40 Mbit/s. */
  feedbackPackets: 256,
  /** Packets that are read of one transport-wide feedback: receivers send one per 250 ms at the latest, 1,024 are 45 Mbit/s of that. */
  reportedPackets: 1_024,
} as const
