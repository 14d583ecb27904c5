// Every bound of the node in one place: name, value, reason. Times are in milliseconds, sizes in bytes unless named otherwise.

export const LIMITS = {
  /** A voice connection that has not identified closes after this (Discord waits about as long). */
  identifyTimeout: 30_000,
  /** Sent in Hello and Ready. JDA keeps its NAT binding alive at this interval, so it stays below 25 s. */
  heartbeatInterval: 13_750,
  /** Three missed heartbeats: a stall may cost one, a change of network two. */
  heartbeatGrace: 3 * 13_750,
  /** Characters of a heartbeat nonce that are echoed. Clients send a number of milliseconds. */
  heartbeatNonce: 64,
  /** A JSON message. An SDP needs up to 20 KiB, the other messages a few. */
  jsonMessage: 64 * 1024,
  /** Characters of an SDP. Browsers send about 4,000. */
  sdp: 20 * 1024,
  /** A binary message. The longest is a DAVE commit with its Welcome: 225 KiB where `daveMembers` all use what the rules allow. */
  binaryMessage: 256 * 1024,
  /** Commands per window, also as a burst, without heartbeats and the frequent opcodes. */
  commandsPerWindow: 120,
  /** Frequent opcodes per window: web clients send Speaking per talkspurt, and wants while the user scrolls. */
  chattyCommandsPerWindow: 1_200,
  commandWindow: 60_000,
  /** Characters of JSON per window, also as a burst: parsing 64 KiB takes 2 ms. A busy web client sends some 400 KiB. */
  textPerWindow: 2 * 1024 * 1024,
  /** Identify and Resume of one voice state per window: clients on a bad network reconnect every few seconds. */
  attemptsPerWindow: 30,
  /** Characters of a message before Identify or Resume: Identify needs a few hundred. */
  greetingMessage: 4 * 1024,
  /** Its nesting: `streams` in Identify has 4 levels. */
  greetingDepth: 8,
  /** Messages of a connection before it has identified, on both protocols: Identify and a few heartbeats. */
  greetingMessages: 10,
  /** Numbered voice messages kept for resume: a minute of a busy channel. */
  replayMessages: 1_024,
  replayBytes: 1024 * 1024,
  /** Sequence numbers have 16 bits; 0 is not used because clients test the number for truth. */
  replayHighest: 65_535,

  /** Sessions that ended and wait for the lane's last report about them, per lane; above it their log line has none. */
  endingPeers: 10_000,
  /** How often lanes report how packets of each peer arrive; the log and the operator's views use it. */
  qualityInterval: 5_000,

  /** Refused Identify messages of one address are counted in windows of this length … */
  refusedIdentifyWindow: 60_000,
  /** … for so many addresses. */
  refusedAddresses: 4_096,
  /** Addresses that the operator bans. */
  operatorBans: 10_000,

  /** Voice connections of one address (one /64 in IPv6): a household, a bot host, a carrier's NAT. */
  connectionsPerAddress: 2_000,
  /** Those that have not identified yet. After a restart all bots of a host connect at once, and some stop for good at 4021. */
  greetingsPerAddress: 1_000,
  /** Voice connections that have not identified, of all addresses, at about 25 kB each. */
  greetings: 5_000,
  /** Identify messages that wait for their voice state: in all, and of one address, behind which many users of one NAT may be. */
  heldIdentifies: 2_000,
  heldIdentifiesPerAddress: 200,

  /** Numbered INFO messages kept per backend for RESUME. */
  lvspReplayMessages: 4_096,
  lvspReplayBytes: 4 * 1024 * 1024,
  /** How long they are kept after the backend's connection is lost. */
  lvspResumeWindow: 10 * 60_000,
  /** Sent in HELLO of LVSP. */
  lvspHeartbeatInterval: 5_000,
  lvspIdentifyTimeout: 30_000,
  /** For backends that have to send heartbeats: three missed ones. */
  lvspHeartbeatGrace: 3 * 5_000,
  /** Messages of one LVSP connection per second on average; above it, hosts that can do so read it more slowly … */
  lvspInfosPerSecond: 5_000,
  /** … and beyond this burst the connection closes. A backend that starts requests everything it has at once. */
  lvspInfoBurst: 50_000,
  /** Steps that a long operation (RESUME by state, SYNC, removal of a lost backend) does before other inputs are processed … */
  workSlice: 100,
  /** … and bytes of messages that wait until the operation of their connection is done. Those of a backend above it count as its memory. */
  lvspWaitingBytes: 4 * 1024 * 1024,
  /** Notes about invalid messages of one connection, per second on average … */
  lvspNotesPerSecond: 1,
  /** … and at once. */
  lvspNoteBurst: 20,
  /** Wrong tokens from one address in a window before its next HELLO is delayed. */
  lvspFailuresPerWindow: 5,
  lvspFailureWindow: 60_000,
  lvspHelloDelay: 5_000,
  /** Addresses whose wrong tokens are counted. */
  lvspFailingAddresses: 4_096,
  /** Connections of one backend: a cluster of gateways has a few. Above it the oldest closes, which may be a dead one. */
  lvspConnectionsPerBackend: 16,
  /** Sessions of fronts for one backend, each with one connection. The one that waits longest for its RESUME yields to another. */
  lvspFrontsPerBackend: 16,
  /** Connections that have not identified, of all addresses … */
  lvspUnidentified: 1_024,
  /** … and of one address: an attacker may share it with a backend, which needs some 100 ms to identify. */
  lvspUnidentifiedPerAddress: 64,
  /** Addresses of which a backend has identified: their connections never yield to others. */
  lvspKnownNetworks: 64,

  /** Channels of one backend, where its configuration does not say. */
  channelsPerBackend: 100_000,
  /** Voice states in one channel. */
  voiceStatesPerChannel: 5_000,
  /** Voice states of one backend, where its configuration does not say. */
  voiceStatesPerBackend: 500_000,
  /** Memory of one backend, where the host does not say. Its use is estimated by the next three and the replay buffers. */
  memoryPerBackend: 1024 * 1024 * 1024,
  /** An empty channel. */
  channelMemory: 6 * 1024,
  voiceStateMemory: 1024,
  /** A voice session with its WebSocket, besides what its replay buffer holds. */
  sessionMemory: 32 * 1024,
  /** While a backend has no connection, unused voice states and empty channels are removed at this interval. */
  orphanTimeout: 10 * 60_000,

  /** From this number of members on, arrivals are announced in batches … */
  largeChannel: 100,
  /** … at an interval that grows with the members, because each announcement is a write per member. */
  arrivalDelayPerMember: 0.5,
  arrivalDelayHighest: 500,

  /** Messages about speaking, and about video, in one slice of a large channel: a change in a channel of 5,000 is 5,000 of them, 20 ms with the writes … */
  announcementsPerSlice: 5_000,
  /** … and the time between two slices. Departures of lost members are sent in the same slices. */
  announcementInterval: 100,
  /** Members of an ordinary channel, where it is placed. */
  membersExpected: 5,
  /** For which members of a lane that crashed are not announced as departed: they identify again. */
  returnTime: 10_000,

  /** Between two op 15 to a sender of video: at most four per second, as Discord's servers send. */
  videoUpdateInterval: 250,
  /** A lower want is sent to the sender after this: viewers scroll. */
  videoLessDelay: 2_000,
  /** A sender changes to a preferred codec once members and codecs have stayed the same for this long. */
  videoBetterDelay: 10_000,

  /** VIDEO_VIEW and VIDEO_SOURCE to one backend per interval: 25 kB a second, and 40 s of what RESUME can replay … */
  videoEvents: 100,
  /** … and the interval: layers change faster than a backend can use. */
  videoEventInterval: 1_000,

  /** Targets in one slice of the private target lists that one op 15 may ask for by the hundred … */
  targetsPerSlice: 5_000,
  /** … and the time between two slices: one user's wants take a twentieth of a lane at most. */
  targetsInterval: 50,
  /** Wants looked up in one slice of the op 15 that senders are sent: members times sources are no bound … */
  wantsPerSlice: 10_000,
  /** … and the time between two slices. */
  wantsInterval: 20,

  /** SSRCs of one session: audio, four layers of a camera and one of a screen with their RTX, and one to spare. */
  ssrcsPerSession: 12,
  /** Layers of one source: Discord clients offer up to two, browsers up to three. */
  layersPerSource: 4,
  /** A layer without a packet for so long has stopped, if a viewer gets it: five frames of a slow camera. */
  layerSilence: 400,
  /** A layer that no viewer had may take so long to start: a message to its sender, its encoder, a keyframe. */
  layerStart: 2_000,
  /** Changes of layer of one WebRTC viewer whose packets can still be requested again. */
  layerSegments: 16,
  /** Views whose bit rates a lane reports per second: all of a node with a few calls, in turn in a large one. */
  viewReports: 500,
  /** How often layers are checked for silence, and changes are reported. */
  layerCheckInterval: 100,
  /** SSRCs that a WebRTC client may declare: those of a session, before and after it replaced them. */
  clientSsrcs: 16,
  /** What may be sent at once, after silence, within a limit of bit rate: as much as in this time. Keyframes are bursts. */
  bitrateBurst: 1_000,
  /** How far audio may exceed such a limit before it is dropped too, while all video is: as much as in this time. */
  audioAdvance: 250,
  /** Between two log lines about one session that exceeds a limit of bit rate. */
  overBitrateNotes: 60_000,
  /** Discovery and ping answers per second and source address. */
  discoveriesPerSecond: 20,
  /** Packets per second from one IP that do not verify, before packets from there are ignored … */
  failuresPerSecond: 100,
  /** … for this long. */
  ignoreSource: 10_000,
  /** Source addresses whose rates are counted at once, per kind of rate. */
  watchedSources: 4_096,
  /** Packets behind the newest that an SSRC's replay window and its SRTP window to seal cover: reordering on real paths is far less. */
  replayWindow: 64,
  /** A packet so long after the newest was not overtaken by it. Video of 2,000 packets a second goes through a cycle in 32 s. */
  longestOvertaking: 10_000,
  /** Sequences ahead of the newest that need no newer timestamp: MAX_DROPOUT of RFC 3550 A.1, a minute of Opus. */
  sequenceStep: 3_000,
  /** Nonces between two packets of one sender that count as a small step: the packets that one loss may take. */
  nonceStep: 3_000,
  /** A timestamp further ahead than the time since the last packet by more than this, in ms, starts a new media clock. */
  timestampStep: 10_000,
  /** SRTCP indexes behind the newest that the replay window covers. Reports are few. */
  srtcpWindow: 32,
  /** SSRCs under one SRTP key and direction: a client sends a few, and receives those of every member it ever met. */
  srtpStreams: 16_384,
  /** Silence frames that end a muted speaker's stream: Discord's clients send five. */
  silenceFrames: 5,
  /** A WebRTC client that sends no audio for this long has ended its talkspurt. A muted one still sends a frame per 400 ms. */
  talkspurtGap: 500,
  /** How long after a mute the speaker's next packets are forwarded as silence. */
  silenceWindow: 1_000,
  /** Descriptions of RTP that peers of a lane share: one or two per browser and version. */
  sharedMappings: 64,
  /** Addresses kept per peer that asked for discovery. JDA tries six times, each from a new port. */
  addressCandidates: 8,
  /** ICE checks per second and source address. Browsers send one every 50 ms until they are connected. */
  checksPerSecond: 50,
  /** Addresses kept per WebRTC client: a change of network adds a second one … */
  iceAddresses: 4,
  /** … and the old one expires after this long without a check. */
  iceAddressLife: 30_000,
  /** Consent expires this long after the last check (RFC 7675 §5.1 asks for 30 s at most; Chromium gives up after 16). */
  consentTimeout: 15_000,
  /** How often expired consent and addresses are looked for. */
  consentSweep: 1_000,
  /** Packets kept per WebRTC client whose SSRC is not declared yet: ops 5 and 12 travel on another connection. A keyframe's worth. */
  heldPackets: 50,
  /** How long they are kept. */
  holdTimeout: 1_000,
  /** WebRTC clients with such packets at once, at 100 kB each. */
  holdingWebrtcPeers: 64,
  /** … of which one address has at most this many; at the bound on all, a backend with fewer than another displaces one of that. */
  holdingWebrtcPeersPerAddress: 16,
  /** DTLS handshakes in progress, at 50 kB each, or 200 kB at most. At this number a backend with fewer than another displaces one of that … */
  handshakes: 1_000,
  /** … and those of one address: a company behind one NAT may reconnect at once. Further ones wait for the client's retransmission. */
  handshakesPerAddress: 200,
  /** DTLS datagrams per second and source address: a handshake takes about ten. */
  dtlsPerSecond: 100,
  /** Transport feedback to WebRTC clients: their congestion control reached its maximum with 50 ms. */
  transportFeedbackInterval: 50,
  /** Packets to one viewer of which feedback may still come: a second at 20 Mbit/s, 32 kB. A power of two. */
  unreportedPackets: 2_048,
  /** Estimates of a viewer's bandwidth, in bits per second: the first, which probes replace at once … */
  startBitrate: 1_000_000,
  /** … the lowest, below which no video fits, and the highest: four screens at 1080p60 … */
  lowestBitrate: 30_000,
  highestBitrate: 50_000_000,
  /** … and what pacing and the first probe assume before anything is measured: the first picture of a camera at 720p … */
  startAllowance: 2_500_000,
  /** … during which the lowest layers of sources may take so much together, but the most important one whatever it takes. */
  startMedia: 250_000,
  /** How long that lasts after the first feedback, if no probe ends it before. */
  startTime: 1_000,
  /** Receivers send feedback at least every 250 ms. Without any for this long the estimate is halved. */
  feedbackTimeout: 1_500,
  /** How long a client's own estimate (REMB) is used: clients send one per second. */
  rembLife: 10_000,
  /** Between two allocations of a viewer's bandwidth, and the change of the estimate that causes one … */
  allocationInterval: 100,
  allocationStep: 0.1,
  /** … or this time: bitrates of layers change too. */
  allocationRefresh: 1_000,
  /** How long a better layer must be possible before it is sent, unless a probe confirms it. Less takes effect at once. */
  raiseDelay: 1_000,
  /** Milliseconds between two looks at each viewer: the precision of probes' starts and of allocations. */
  viewerInterval: 50,
  /** How long a client may take until its first transport-wide feedback. After that it is taken to send none. */
  feedbackWait: 3_000,
  /** Streams of one viewer whose last report is kept. */
  reportedStreams: 256,
  /** Packets between two reports on a stream; more means that its sequences started over. */
  reportedPackets: 10_000,
  /** Probes look for this multiple of what a viewer wants: the reserve of an allocation, and frames that vary. */
  desiredReserve: 1.15,
  /** Bitrate of a layer that was never seen, by that of the layer below it. */
  layerStep: 2.5,
  /** Video leaves at this multiple of the estimate at most: a keyframe is through in a few frame times. */
  pacingFactor: 2.5,
  /** Video that would wait longer than this to leave is dropped: the viewer's decoder would discard it … */
  pacedWait: 250,
  /** … and packets that wait at once: they are found again among `cachedPackets`. A power of two. */
  pacedPackets: 256,
  /** Packets kept per video stream for retransmission, and requested of its sender: `missingLife` of a screen at 9 Mbit/s, 2 MiB. A power of two. */
  cachedPackets: 1_024,
  /** The same of a lane, 128 MiB: a second of all that it can forward. The oldest of the backend with the most yield. */
  cachedPacketsPerLane: 65_536,
  /** Retransmissions to one peer per second. */
  retransmissionsPerSecond: 500,
  /** Sequences in one NACK of the node, and those taken from one NACK that the node cannot answer. */
  nackedPackets: 64,
  /** A missing packet is requested after this long: it may just be reordered … */
  nackDelay: 10,
  /** … again after this at the earliest, or 1.25 times the turnaround … */
  nackInterval: 20,
  /** … at most so many times … */
  nackTries: 10,
  /** … and for this long: later it would arrive too late, and a keyframe is requested instead. */
  missingLife: 1_000,
  /** Missing packets per stream. Beyond that only a keyframe helps. */
  missingPackets: 256,
  /** Between two keyframe requests to one source: a keyframe is many times as large as other frames. */
  keyframeInterval: 500,
  /** A peer outside its WebSocket's network is sent nothing after this long without a datagram from its address. */
  addressProof: 30_000,
  /** How often such addresses are looked for. */
  addressSweep: 1_000,
  /** How long a bound address must be quiet before RTCP that may be a replay can move it. */
  rtcpRebindQuiet: 5_000,
  /** Datagrams of one lane that the system has not accepted yet. Beyond it they are dropped: voice must not queue. */
  unsentDatagrams: 1_024,
  /** An overloaded lane drops audio that waited longer than this in its socket: a client's jitter buffer holds about as much. */
  audioWait: 120,
  /** The same for video, which costs more and is missed less: it is dropped first. */
  videoWait: 60,
  /** A lane is overloaded once it has worked for this long without catching up. It adds at most this much delay. */
  backlogWork: 200,
  /** A lane has caught up when no datagram waited longer than this. */
  caughtUp: 10,
  /** The most that counts as work between two batches; in a longer gap the lane did not run. */
  longestTurn: 20,
  /** Any packet that waited longer than this is dropped, after a stop of the process too: receivers would discard it. */
  longestWait: 1_000,
  /** IP addresses in text form that a portable engine keeps parsed. */
  parsedAddresses: 4_096,
  /** Bytes requested of the system for a lane's socket, each way; it may grant less. About 20,000 packets of voice. */
  socketBuffer: 4 * 1024 * 1024,
  /** Between receiver reports to a sender. */
  receiverReportInterval: 5_000,
  /** Between sender reports to a WebRTC client: it needs two per stream before it can synchronise audio and video. */
  senderReportInterval: 1_000,
  /** Sender reports in one compound: with their descriptions they fit any path's MTU. */
  senderReportsPerCompound: 24,
  /** WebRTC clients that get sender reports in one turn of a lane, so that packets do not wait. */
  senderReportsPerTurn: 32,
  /** How long a source's sender report is used: three usual intervals. */
  senderReportLife: 15_000,

  /** Members of a call with DAVE. Each sends op 28 for each change, which holds the whole tree and fits into `binaryMessage`. */
  daveMembers: 256,
  /** A key package, which is part of each Welcome, and the code points in each list of its capabilities. davey's have 391 and one. */
  daveKeyPackage: 1_024,
  daveCapabilities: 16,
  /** How long members may take to commit a batch, be ready for a transition (the whitepaper's), and send a key package: slow phones. */
  daveCommitTimeout: 5_000,
  daveTransitionTimeout: 2_000,
  daveKeyPackageTimeout: 5_000,
  /** Delay before changes of membership are proposed in one batch: each batch makes every member send a commit. */
  daveBatchDelay: 50,
  daveBatchDelayPerMember: 5,
  daveBatchDelayHighest: 1_000,
  /** Members added in one batch: the proposals go to all members, at half a kilobyte each. */
  daveBatchAdds: 100,
  /** Wait for the key package of a client that has reset itself, so that one commit removes and adds it. */
  daveResetDelay: 250,
  /** Encryption returns this long after the last member without DAVE left, so that the call does not flap, and after groups failed. */
  daveUpgradeDelay: 2_000,
  daveRetryDelay: 60_000,
  /** Recreations of a group: interval, and number per window. Above it the call continues unencrypted, or ends where DAVE is required. */
  daveRecreateInterval: 10_000,
  daveRecreates: 2,
  daveRecreateWindow: 60_000,
  /** Per minute and voice state: unsolicited key packages, commits and repeated Select Protocol, and reports of invalid commits. */
  daveUnaskedPerMinute: 10,
  daveInvalidsPerMinute: 5,
  /** Refused or reported commits after which those of a member count only if no other commits in time; good ones that undo one of them. */
  daveStrikes: 2,
  daveGoodCommits: 8,
  /** Commits that may still be reported. */
  daveBlamableCommits: 4,

  /** Between two heartbeats of a node in a cluster. */
  clusterHeartbeat: 1_000,
  /** Without a heartbeat for this long, three missed ones, a node is probed directly. */
  clusterSuspicion: 3_000,
  /** A node whose last two reports did not arrive looks up where its channels are: fronts may count it as dead after `clusterSuspicion`. */
  clusterFenceGap: 2_000,
  /** Channels that a node looks up at once. */
  clusterFenceLookups: 32,
  /** Placements that a front looks up at once after the coordinator returned. */
  clusterLookups: 64,
  /** Claims of one channel that a front remembers after it gave them up: the coordinator may have written each. */
  clusterClaims: 16,
  /** Changes of one placement in a row that the coordinator refuses, until the channel is placed without it. Fronts take turns within a few. */
  clusterConflicts: 16,
  /**
   * How long another front may take to open a channel that it has claimed: it waits two seconds for the answer of the node, and a
   * connection that answers nothing ends within two `lvspHeartbeatInterval`.
   */
  clusterClaimGrace: 12_000,
  /** Nodes of a cluster that one process keeps track of. */
  clusterNodes: 1_024,
  /** A node with at least this load receives no new channels while another one has less. */
  clusterFullLoad: 0.8,
  /** Channels of one tenant on a front, over all nodes. */
  clusterChannels: 400_000,
  /** Voice states of one tenant on a front. */
  clusterVoiceStates: 2_000_000,
  /** Between two channels that leave a draining node: each move interrupts its users for a moment. */
  clusterMoveInterval: 100,
  /** A front places channels without a node again after this long, although nothing changed: a node may have answered too late. */
  clusterRetryInterval: 1_000,
  /** Channels that a front places again at once. */
  clusterRetryBatch: 64,
  /** Sources of video of one channel that have ended while another front was the receiver. */
  clusterMissedEnds: 100,
  /** Channels of one tenant that a front has ended, and whose node has not confirmed that. */
  clusterEnding: 10_000,
} as const
