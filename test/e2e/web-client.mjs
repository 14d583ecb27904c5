// A web voice client for tests in a browser. The SDP fragments cross the gateway once; afterwards the page builds the answers
// locally. `flow` is `discord` (fragment in `data`, SSRCs from op 5 and op 12) or `spacebar` (fragment in `data` and `sdp`,
// heartbeats without a nonce object, speaking as a boolean, SSRCs from op 12 alone).

import { codecsOf, extensions, midOf, negotiateDependencies, remoteLines, sectionsOf } from './web-sdp.mjs'

const FRAGMENT_LINES = /^a=(extmap-allow-mixed|ice-|fingerprint|extmap:|rtpmap:\d+ (opus|VP8)\/)/
/** Audio processing would only take CPU time. */
const UNPROCESSED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false }
const opened = new Map()
/** Opens the microphone and camera once per page. Each client gets clones of the tracks. */
async function openDevices(video) {
  if (!opened.has(video)) opened.set(video, navigator.mediaDevices.getUserMedia({ audio: UNPROCESSED, video }))
  return (await opened.get(video)).clone()
}
const REAL_TIME_FEEDBACK = ['ccm fir', 'nack', 'nack pli', 'goog-remb', 'transport-cc']

export class WebClient {
  constructor(options) {
    this.options = { flow: 'discord', video: undefined, speaks: true, patience: 0, ...options }
    this.log = []
    /** The speaking flags of the other members, as last declared. */
    this.speaking = {}
    this.remotes = new Map()
    this.users = new Set()
    this.closeCode = undefined
    /** Errors after the client was connected. */
    this.errors = []
    this.renegotiating = Promise.resolve()
  }

  /** Resolves when Session Description has been applied. */
  async connect() {
    if (this.options.dave) this.dave = await (await import('./web-dave.mjs')).WebDave.open(this)
    return new Promise((resolve, reject) => {
      this.connected = resolve
      this.failed = reject
      this.open()
    })
  }

  open() {
    this.ws = new WebSocket(this.options.url)
    this.ws.binaryType = 'arraybuffer'
    this.ws.onmessage = ({ data }) => {
      if (typeof data === 'string') this.receive(JSON.parse(data)).catch(error => this.fail(error))
      else if (this.dave !== undefined) this.seq = this.dave.binary(data)
    }
    this.ws.onclose = ({ code, reason }) => {
      this.closeCode = code
      clearInterval(this.heartbeat)
      this.failed(new Error(`closed with ${code} ${reason}`))
    }
  }

  fail(error) {
    this.errors.push(String(error))
    this.failed(error)
  }

  send(op, d) {
    this.ws.send(JSON.stringify({ op, d }))
  }

  async receive({ op, d, seq }) {
    if (seq !== undefined) this.seq = seq
    this.log.push(op)
    this.dave?.text(op, d)
    switch (op) {
      case 8:
        this.heartbeat = setInterval(() => this.beat(), d.heartbeat_interval)
        return this.send(this.resuming ? 7 : 0, this.resuming ? this.resumption() : this.identification())
      case 2:
        this.ready = d
        return this.offer()
      case 4:
        this.dave?.described(d.dave_protocol_version)
        this.description = { ...d, sdp: this.redirected(d.sdp) }
        await this.renegotiate()
        this.announce()
        return this.connected(d)
      case 5:
        this.speaking[d.user_id] = d.speaking
        if (this.options.flow === 'discord' && d.speaking) this.addRemote('audio', d.user_id, d.ssrc)
        return
      case 12:
        if (d.audio_ssrc) this.addRemote('audio', d.user_id, d.audio_ssrc)
        return d.video_ssrc ? this.addRemote('video', d.user_id, d.video_ssrc) : this.removeRemote('video', d.user_id)
      case 11:
        for (const user of d.user_ids) this.users.add(user)
        return
      case 13:
        this.users.delete(d.user_id)
        this.removeRemote('audio', d.user_id)
        return this.removeRemote('video', d.user_id)
      case 9:
        return this.resumed?.()
    }
  }

  /** The node's fragment, with the port of its UDP candidates replaced by `through`. */
  redirected(sdp) {
    const { through } = this.options
    return through === undefined ? sdp : sdp.replace(/^(a=candidate:.* UDP .* )\d+( typ)/gm, `$1${through}$2`)
  }

  beat() {
    this.send(3, this.options.flow === 'spacebar' ? 10 : { t: Date.now(), seq_ack: this.seq ?? -1 })
  }

  identification() {
    const { server_id, channel_id, user_id, session_id, token, video, layers } = this.options
    const whole = layers ?? [{ rid: '100', quality: 100 }]
    const streams = video ? whole.map(({ rid, quality }) => ({ type: 'video', rid, quality })) : []
    const max_dave_protocol_version = this.dave?.version
    return { server_id, channel_id, user_id, session_id, token, video: true, streams, max_dave_protocol_version }
  }

  resumption() {
    const { server_id, channel_id, session_id, token } = this.options
    return { server_id, channel_id, session_id, token, seq_ack: this.seq ?? -1 }
  }

  /** Drops the gateway connection and resumes; resolves when the session is resumed. */
  resume() {
    this.resuming = true
    clearInterval(this.heartbeat)
    this.ws.onclose = null
    this.ws.close(4000)
    return new Promise((resolve, reject) => {
      this.resumed = resolve
      this.failed = reject
      this.open()
    })
  }

  async offer() {
    const pc = new RTCPeerConnection({ bundlePolicy: 'max-bundle' })
    this.pc = pc
    pc.ontrack = ({ track }) => this.play(track)
    const media = await openDevices(Boolean(this.options.video))
    this.media = media
    for (const track of media.getAudioTracks()) track.enabled = this.options.speaks
    const voice = pc.addTransceiver(media.getAudioTracks()[0], { direction: 'sendrecv' })
    this.dave?.attach(voice, 'audio')
    this.microphone = voice.sender
    const [camera] = media.getVideoTracks()
    const { layers } = this.options
    // Without a mode Chromium sends the layers of AV1 as spatial layers of one stream.
    const mode = this.options.video === 'AV1' ? { scalabilityMode: this.options.mode ?? 'L1T1' } : {}
    const encodings = layers?.map(({ rid, scale, maxBitrate }) => ({
      rid,
      scaleResolutionDownBy: scale,
      maxBitrate,
      ...mode,
    }))
    if (camera !== undefined) {
      const transceiver = pc.addTransceiver(camera, { direction: 'sendrecv', sendEncodings: encodings })
      this.dave?.attach(transceiver, 'video')
      if (this.options.video === 'AV1') negotiateDependencies(transceiver)
    }
    const { sdp } = await pc.createOffer()
    await pc.setLocalDescription({ type: 'offer', sdp })
    const lines = sdp.split('\r\n').filter(line => FRAGMENT_LINES.test(line))
    const fragment = [...new Set(lines)].join('\n')
    this.codecs = codecsOf(sdp, this.options.video)
    this.dave?.setCodecs(this.codecs)
    const both = this.options.flow === 'spacebar' ? { sdp: fragment } : { rtc_connection_id: crypto.randomUUID() }
    this.send(1, { protocol: 'webrtc', data: fragment, codecs: this.codecs, ...both })
  }

  /** The SSRCs that the browser chose for its tracks. */
  ownSsrcs() {
    const sections = sectionsOf(this.pc.localDescription.sdp)
    const of = kind => {
      const section = sections.find(lines => lines[0].startsWith(`m=${kind}`)) ?? []
      const group = section.find(line => line.startsWith('a=ssrc-group:FID'))
      const single = section.find(line => line.startsWith('a=ssrc:'))
      if (group !== undefined) return group.split(' ').slice(1).map(Number)
      return single === undefined ? [] : [Number(/^a=ssrc:(\d+)/.exec(single)[1])]
    }
    return { audio: of('audio')[0], video: of('video')[0] ?? 0, rtx: of('video')[1] ?? 0 }
  }

  /** Layers are declared under the SSRCs of Ready: their packets name them by rid. */
  announceLayers() {
    const { streams, ssrc } = this.ready
    const declared = streams.map(stream => ({ ...stream, active: true }))
    this.send(12, { audio_ssrc: ssrc, video_ssrc: streams[0].ssrc, rtx_ssrc: streams[0].rtx_ssrc, streams: declared })
    this.speak(true)
  }

  announce() {
    if (this.options.layers !== undefined) return this.announceLayers()
    const { audio, video, rtx } = this.ownSsrcs()
    const stream = { type: 'video', rid: '100', ssrc: video, rtx_ssrc: rtx, active: true, quality: 100 }
    const streams = video ? [{ ...stream, max_bitrate: 2_500_000 }] : []
    this.send(12, { audio_ssrc: audio, video_ssrc: video, rtx_ssrc: rtx, streams })
    this.speak(true)
  }

  speak(isSpeaking) {
    const speaking = this.options.flow === 'spacebar' ? isSpeaking : Number(isSpeaking)
    this.send(5, { speaking, delay: 0, ssrc: this.ownSsrcs().audio })
  }

  /** Mutes as web clients do: stops sending and announces it. */
  async mute(isMuted) {
    await this.microphone.replaceTrack(isMuted ? null : this.media.getAudioTracks()[0])
    this.speak(!isMuted)
  }

  addRemote(kind, user, ssrc) {
    const key = `${kind} ${user}`
    if (this.remotes.get(key)?.ssrc === ssrc || user === this.options.user_id) return undefined
    this.remotes.set(key, { kind, user, ssrc, mid: undefined })
    this.dave?.setSources([...this.remotes.values()])
    return this.renegotiate()
  }

  removeRemote(kind, user) {
    return this.remotes.delete(`${kind} ${user}`) ? this.renegotiate() : undefined
  }

  /** Creates an offer and applies a local answer in the node's place, once for all changes that wait. */
  renegotiate() {
    if (this.description === undefined || this.pc.signalingState === 'closed') return undefined
    this.waiting ??= this.renegotiating.then(async () => {
      await new Promise(resolve => setTimeout(resolve, this.options.patience))
      this.waiting = undefined
      this.renegotiating = this.negotiateOnce()
      return this.renegotiating
    })
    return this.waiting
  }

  async negotiateOnce() {
    const { pc } = this
    if (pc.signalingState === 'closed') return
    for (const kind of ['audio', 'video']) this.addTransceivers(kind)
    await pc.setLocalDescription(await pc.createOffer())
    await pc.setRemoteDescription({ type: 'answer', sdp: this.answer(pc.localDescription.sdp) })
  }

  addTransceivers(kind) {
    const wanted = [...this.remotes.values()].filter(remote => remote.kind === kind).length
    const isOf = transceiver => transceiver.receiver.track.kind === kind
    for (let have = this.pc.getTransceivers().filter(isOf).length; have < wanted; have++) this.addReceiver(kind)
  }

  addReceiver(kind) {
    const transceiver = this.pc.addTransceiver(kind, { direction: 'recvonly' })
    this.dave?.attach(transceiver, kind)
  }

  answer(offer) {
    const sections = sectionsOf(offer)
    const mids = sections.map(midOf)
    for (const remote of this.remotes.values()) if (!mids.includes(remote.mid)) remote.mid = undefined
    for (const [index, section] of sections.entries()) this.assign(section, mids[index])
    const head = [
      'v=0',
      'o=- 1 2 IN IP4 127.0.0.1',
      's=-',
      't=0 0',
      `a=group:BUNDLE ${mids.join(' ')}`,
      'a=ice-lite',
      'a=extmap-allow-mixed',
    ]
    return `${[...head, ...sections.flatMap(section => this.answerSection(section))].join('\r\n')}\r\n`
  }

  /** Assigns a remote to the next free receiving m-line of its kind. */
  assign(section, mid) {
    const remotes = [...this.remotes.values()]
    const kind = /^m=(\w+)/.exec(section[0])[1]
    if (remotes.some(remote => remote.mid === mid)) return
    const waiting = remotes.find(remote => remote.kind === kind && remote.mid === undefined)
    if (waiting !== undefined) waiting.mid = mid
  }

  answerSection(section) {
    const kind = /^m=(\w+)/.exec(section[0])[1]
    const mid = midOf(section)
    const remote = [...this.remotes.values()].find(each => each.mid === mid)
    const sends = section.some(line => line === 'a=sendrecv' || line === 'a=sendonly')
    const direction = remote ? (sends ? 'sendrecv' : 'sendonly') : sends ? 'recvonly' : 'inactive'
    const transport = this.description.sdp
      .split('\n')
      .filter(line => /^(c=|a=(rtcp|ice-|fingerprint|candidate))/.test(line))
    const codec = kind === 'audio' ? this.audioLines(section) : this.videoLines(section)
    const layers = section.filter(line => /^a=rid:/.test(line)).map(line => /^a=rid:(\S+)/.exec(line)[1])
    const simulcast = [...layers.map(rid => `a=rid:${rid} recv`), `a=simulcast:recv ${layers.join(';')}`]
    return [
      `m=${kind} ${this.ready.port} UDP/TLS/RTP/SAVPF ${codec.types.join(' ')}`,
      ...new Set(transport),
      `a=mid:${mid}`,
      'a=setup:passive',
      'a=rtcp-mux',
      `a=${direction}`,
      ...codec.lines,
      ...(layers.length > 0 ? simulcast : []),
      ...(remote === undefined ? [] : remoteLines(remote)),
    ]
  }

  audioLines(section) {
    const { payload_type: type } = this.codecs.find(({ name }) => name === 'opus')
    const lines = [
      `a=rtpmap:${type} opus/48000/2`,
      `a=fmtp:${type} minptime=10;useinbandfec=1;usedtx=1`,
      `a=rtcp-fb:${type} transport-cc`,
    ]
    const { packetTime } = this.options
    if (packetTime !== undefined) lines.push(`a=ptime:${packetTime}`)
    return { types: [type], lines: [...lines, ...extensions(section, /audio-level|transport-wide-cc/)] }
  }

  videoLines(section) {
    const name = this.description.video_codec
    const codec = this.codecs.find(each => each.name === name) ?? this.codecs.find(each => each.type === 'video')
    const { payload_type: type, rtx_payload_type: rtx } = codec
    const format = section.find(line => line.startsWith(`a=fmtp:${type} `))
    const lines = [
      `a=rtpmap:${type} ${codec.name}/90000`,
      ...(format === undefined ? [] : [format]),
      ...REAL_TIME_FEEDBACK.map(feedback => `a=rtcp-fb:${type} ${feedback}`),
      `a=rtpmap:${rtx} rtx/90000`,
      `a=fmtp:${rtx} apt=${type}`,
    ]
    const known = /abs-send-time|toffset|video-orientation|transport-wide-cc|playout-delay|sdes:/
    // With it Chromium leaves picture ids out of VP8.
    const dependencies = codec.name === 'AV1' ? extensions(section, /dependency-descriptor/) : []
    return { types: [type, rtx], lines: [...lines, ...extensions(section, known), ...dependencies] }
  }

  /** Plays a track. The statistics of a stream that no element plays have no energy. */
  play(track) {
    const element = document.createElement(track.kind === 'audio' ? 'audio' : 'video')
    element.autoplay = true
    element.srcObject = new MediaStream([track])
    document.body.append(element)
  }

  /**
   * From now on `longestPause` is the longest time, in milliseconds, between two decoded video frames. Of it only the time counts in which
   * the own camera encodes: on a busy machine encoders and decoders are late.
   */
  watchPicture() {
    this.longestPause = 0
    const { frameRate } = this.media.getVideoTracks()[0].getSettings()
    let last
    const look = async () => {
      const { inbound, outbound } = await this.stats()
      const { framesDecoded: decoded = 0 } = inbound.find(({ kind }) => kind === 'video') ?? {}
      const { framesEncoded: encoded = 0 } = outbound.find(({ kind }) => kind === 'video') ?? {}
      const now = performance.now()
      last ??= { decoded, encoded, now }
      const own = ((encoded - last.encoded) * 1_000) / frameRate
      this.longestPause = Math.max(this.longestPause, Math.min(now - last.now, own))
      if (decoded !== last.decoded) last = { decoded, encoded, now }
    }
    this.watching = setInterval(look, 50)
  }

  /** Statistics of all received and sent streams and of the transport. */
  async stats() {
    const all = [...(await this.pc.getStats()).values()]
    const of = type => all.filter(each => each.type === type).map(reported)
    const [transport] = of('transport')
    return {
      inbound: of('inbound-rtp'),
      outbound: of('outbound-rtp'),
      remoteInbound: of('remote-inbound-rtp'),
      remoteOutbound: of('remote-outbound-rtp'),
      transport,
      errors: this.errors,
      remotes: [...this.remotes.values()],
      state: this.pc.connectionState,
      ice: this.pc.iceConnectionState,
    }
  }

  close() {
    clearInterval(this.heartbeat)
    clearInterval(this.watching)
    this.pc?.close()
    this.ws.close(1000)
    for (const track of this.media?.getTracks() ?? []) track.stop()
  }
}

/** Fields of the statistics that tests use. */
const REPORTED = [
  ...['kind', 'ssrc', 'mid', 'trackIdentifier', 'packetsReceived', 'packetsSent', 'packetsLost', 'roundTripTime'],
  ...['totalAudioEnergy', 'framesDecoded', 'framesEncoded', 'keyFramesDecoded', 'frameWidth', 'freezeCount'],
  ...['totalFreezesDuration', 'nackCount', 'pliCount', 'firCount', 'retransmittedPacketsReceived'],
  ...['retransmittedPacketsSent', 'srtpCipher', 'dtlsState', 'dtlsRole', 'tlsVersion'],
]
const reported = stat => Object.fromEntries(REPORTED.filter(name => name in stat).map(name => [name, stat[name]]))
