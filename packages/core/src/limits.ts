// Every bound of the node in one place: name, value, reason. Times are in milliseconds, sizes in bytes unless named otherwise.

export const LIMITS = {
  /** A voice client that has not identified by then is not going to (Discord waits about as long). */
  identifyTimeout: 30_000,
  /** Told in Hello and Ready. JDA keeps its NAT binding alive at this pace, so it stays below 25 s. */
  heartbeatInterval: 13_750,
  /** Three missed heartbeats: one may be lost to a stall, two to a network change. */
  heartbeatGrace: 3 * 13_750,
  /** A JSON message. SDP needs 20 KiB; the rest a few. */
  jsonMessage: 64 * 1024,
  /** A binary message. A DAVE commit with its Welcome passes 64 KiB at about 240 members. */
  binaryMessage: 256 * 1024,
  /** Commands a client may send per window and at once, heartbeats and the chatty opcodes 5 and 15 apart. */
  commandsPerWindow: 120,
  /** The chatty ones: web clients send Speaking per utterance, wants follow every scroll. */
  chattyCommandsPerWindow: 1_200,
  commandWindow: 60_000,
  /** Numbered voice messages kept for resume. A minute of a busy channel. */
  replayMessages: 1_024,
  replayBytes: 1024 * 1024,
  /** 16 bits on the wire; 0 is skipped because clients test it for truth. */
  replayHighest: 65_535,

  /** WebSockets that one address (one /64 in IPv6) may have open on the voice gateway: a household, a bot host, a carrier's NAT. */
  connectionsPerAddress: 2_000,
  /** Those among them that have not identified yet. After a restart all bots of a host come at once, and 4021 ends some for good. */
  greetingsPerAddress: 1_000,
  /** Greetings in all, at some 25 kB each. */
  greetings: 5_000,

  /** Numbered INFO messages kept per backend for RESUME. */
  lvspReplayMessages: 4_096,
  lvspReplayBytes: 4 * 1024 * 1024,
  /** How long a backend's numbered INFO are kept after its connection is lost. */
  lvspResumeWindow: 10 * 60_000,
  /** Told in LVSP's HELLO. */
  lvspHeartbeatInterval: 5_000,
  lvspIdentifyTimeout: 30_000,
  /** Where a backend must heartbeat at all: three missed ones. */
  lvspHeartbeatGrace: 3 * 5_000,
  /** Messages a backend may send in a second on average: past it, it is read more slowly where the host can do so … */
  lvspInfosPerSecond: 5_000,
  /** … and past this burst its connection closes. A backend that starts anew names everything it has at once. */
  lvspInfoBurst: 50_000,
  /** Users in all parts of one SYNC. */
  lvspSyncUsers: 1_000_000,
  /** Notes about bad messages of one connection: a second's worth on average, and in a burst. */
  lvspNotesPerSecond: 1,
  lvspNoteBurst: 20,
  /** Wrong tokens from one address in a window before its next HELLO is delayed. */
  lvspFailuresPerWindow: 5,
  lvspFailureWindow: 60_000,
  lvspHelloDelay: 5_000,
  /** Addresses whose wrong tokens are counted. */
  lvspFailingAddresses: 4_096,
  /** LVSP connections open at once, over all addresses. */
  lvspConnections: 256,

  /** Channels of one backend: bounds memory against a backend gone wild. */
  channelsPerBackend: 100_000,
  /** Voice states in one channel. */
  voiceStatesPerChannel: 5_000,
  /** Empty channels, and voice states nobody used, go after this while no backend is connected to hold them. */
  orphanTimeout: 10 * 60_000,

  /** In channels of at least so many, joins are told to the others together … */
  largeChannel: 100,
  /** … after a while that grows with them: each is told of each, and each telling is a write. */
  arrivalDelayPerMember: 0.5,
  arrivalDelayHighest: 500,

  /** What senders of video are told of their viewers: four times a second at most, as by Discord's servers. */
  videoUpdateInterval: 250,
  /** That less is wanted they are told only once it stays so: viewers scroll. */
  videoLessDelay: 2_000,
  /** A sender changes to a better codec once members and codecs have stayed the same for this long. */
  videoBetterDelay: 10_000,

  /** SSRCs of one session: audio, then up to three video and rtx pairs. */
  ssrcsPerSession: 8,
  /** Discovery replies and ping replies per second and source address. */
  discoveriesPerSecond: 20,
  /** Packets of one source that do not verify, per second, before the source is ignored for a while. */
  failuresPerSecond: 100,
  ignoreSource: 10_000,
  /** Sources whose rates are watched at once. */
  watchedSources: 4_096,
  /** Packets of RTP replay window per SSRC. */
  replayWindow: 64,
  /** Silence frames a muted speaker ends with (RFC 7587 has none; Discord clients send five). */
  silenceFrames: 5,
  /** When a browser that was heard is taken to have stopped. A muted one goes on with a frame in 400 ms. */
  utteranceGap: 500,
  /** How long after being cut off a speaker's next packets still count as the same utterance. */
  silenceWindow: 1_000,
  /** Addresses that asked for discovery and are remembered per peer. JDA tries six times, each from a new port. */
  addressCandidates: 8,
  /** ICE checks of one source that are looked at in a second. Browsers send one every 50 ms until they are connected. */
  checksPerSecond: 50,
  /** Addresses of a browser that are kept: a change of network brings a second one, for a while. */
  iceAddresses: 4,
  iceAddressLife: 30_000,
  /** Without a check for so long nothing is sent to a browser (RFC 7675 asks for 30 s at most; Chromium gives up after 16). */
  consentTimeout: 15_000,
  consentSweep: 1_000,
  /**
   * Packets of a browser whose SSRC was not told yet: the gateway is another connection, and the first of them are a keyframe. So many,
   * for so long, of so many browsers at once (100 kB each).
   */
  heldPackets: 50,
  holdTimeout: 1_000,
  holdingWebrtcPeers: 64,
  /** DTLS datagrams of one source in a second: a handshake takes some ten. */
  dtlsPerSecond: 100,
  /** Transport feedback to browsers: they steer their bitrate by it, and 50 ms was enough for all of it. */
  transportFeedbackInterval: 50,
  /** Packets kept of each video source for who lost some: a power of two. */
  cachedPackets: 512,
  /** Packets that one peer gets again in a second. */
  retransmissionsPerSecond: 500,
  /** Packets of video that did not come are asked of their source after this: some are only overtaken … */
  nackDelay: 10,
  /** … again at the earliest after this, or a little more than its answers take … */
  nackInterval: 20,
  /** … so many times, and for so long. Then a keyframe is asked for: later they would come too late. */
  nackTries: 10,
  missingLife: 1_000,
  /** Packets of one source that can be missing at once. Where more are, only a keyframe helps. */
  missingPackets: 256,
  /** Keyframes asked of one source: each is many times as long as other frames. */
  keyframeInterval: 500,
  /** How long a bound address must be quiet before RTCP, which has no replay protection, may move it. */
  rtcpRebindQuiet: 5_000,
  /** Datagrams of one lane that the system has not taken yet. Beyond it they are dropped: voice must not queue. */
  unsentDatagrams: 1_024,
  /**
   * How long a packet may have waited in a lane's socket before it is dropped there: a lane that is behind drops the oldest first,
   * and video, which costs more and is missed less, before audio. A client's jitter buffer holds about as much.
   */
  audioWait: 120,
  videoWait: 60,
  /** Source addresses whose text a portable engine need not parse again. */
  parsedAddresses: 4_096,
  /** Asked of the system for a lane's socket, each way; it may grant less. Some 20,000 packets of voice. */
  socketBuffer: 4 * 1024 * 1024,
  /** Receiver reports to each sender. */
  receiverReportInterval: 5_000,
  /** Sender reports to each browser: it needs two of each source before it can play sound and picture together. */
  senderReportInterval: 1_000,
  /** Browsers that are told in one turn of a lane, so that packets do not wait for it. */
  senderReportsPerTurn: 32,
  /** How long a source's own sender report is believed: twice what is usual, and some loss. */
  senderReportLife: 15_000,

  /** How long members may take to commit to what was proposed. A slow phone in a large group takes a second or two. */
  daveCommitTimeout: 5_000,
  /** How long a transition waits for members to be ready (the whitepaper's). */
  daveTransitionTimeout: 2_000,
  /** How long a client may take to send a key package it owes, before it counts as one that cannot take part. */
  daveKeyPackageTimeout: 5_000,
  /** Changes of membership are gathered for a moment: each batch makes every member send a commit. */
  daveBatchDelay: 50,
  daveBatchDelayPerMember: 5,
  daveBatchDelayHighest: 1_000,
  /** Members added at once: what is proposed goes to everyone, at half a kilobyte each. */
  daveBatchAdds: 100,
  /** After a client has reset itself: its key package is on its way, and then one commit removes and adds it. */
  daveResetDelay: 250,
  /** Encryption comes back this long after the last member that cannot do it has left, lest the call flap. */
  daveUpgradeDelay: 2_000,
  /** A group is made anew at most this often … */
  daveRecreateInterval: 10_000,
  /** … and this many times in the window; then the call goes on without, or ends where encryption is required. */
  daveRecreates: 2,
  daveRecreateWindow: 60_000,
  /** How long a call whose groups failed goes on without before it tries again. */
  daveRetryDelay: 60_000,
  /** Key packages and commits nobody asked for, per minute. */
  daveUnaskedPerMinute: 10,
  /** Reports of commits or welcomes that a client could not use, per minute. */
  daveInvalidsPerMinute: 5,
  /** Refused or blamed commits before others are waited for instead. */
  daveStrikes: 2,
  /** Commits whose recipients may still blame their committer. */
  daveBlamableCommits: 4,
} as const
