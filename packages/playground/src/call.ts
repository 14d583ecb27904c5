// The user's call: joins, sends, plays, and joins again after a move. Its store holds everything that the page shows.
// It joins the client (`WebVoiceClient`), what is sent (`Studio`, camera), what is played (`Playback`) and the demo's
// API to one `CallView`.

import { VoiceClose } from '@parley/protocol'
import { type AbsentView, type CallView, type MemberView, NO_CALL, type PictureView } from './call-view.ts'
import { openCamera } from './camera.ts'
import type { Credentials, DemoApi } from './demo-api.ts'
import { type CallEncryption, encryptionText, NOT_ENCRYPTED } from './encryption.ts'
import { nodeState } from './node-state.ts'
import {
  AWAY,
  CRASHED,
  interruptionText,
  isShutdown,
  type Problem,
  problemOfCamera,
  problemOfDemo,
  problemOfEnd,
  problemOfInterruption,
  problemOfMicrophone,
  unplayable,
} from './problem.ts'
import { Playback } from './sound/playback.ts'
import type { SoundKind } from './sound/sound-source.ts'
import { Studio } from './sound/studio.ts'
import { Store } from './store.ts'
import type { RemoteSource } from './voice/answer.ts'
import { openDave, type PageDave } from './voice/dave.ts'
import { readingOf } from './voice/measurements.ts'
import { Meter } from './voice/meter.ts'
import type { Trace } from './voice/trace.ts'
import type { SentTracks } from './voice/web-media.ts'
import { type CallEnd, type Interruption, WebVoiceClient } from './voice/web-voice-client.ts'

const MEASURE_INTERVAL = 1_000
const OVERVIEW_INTERVAL = 1_500
const SPEAKING = 1

/** One per page. Components call its methods and render `store.value`; they hold no state of the call themselves. */
export class Call {
  readonly store = new Store<CallView>(NO_CALL)
  readonly #demo: DemoApi | undefined
  readonly #playback = new Playback()
  #client: WebVoiceClient | undefined
  #studio: Studio | undefined
  #camera: MediaStreamTrack | undefined
  #credentials: Credentials | undefined
  /** Cameras of other members, by SSRC. */
  readonly #seen = new Map<number, PictureView>()
  /** Opened with the page, so that joining does not wait for it. */
  readonly #openingDave = openDave()
  #dave: PageDave | undefined
  #encryption = NOT_ENCRYPTED
  #isSpeaking = false
  #name = ''
  #meter = new Meter()
  /** Whether the gateway connection was lost since media last flowed. */
  #wasAway = false
  #timer: number | undefined

  /** Without a demo, users join with credentials of their own backend. */
  constructor(demo: DemoApi | undefined) {
    this.#demo = demo
    if (demo === undefined) return
    window.setInterval(() => void this.#look(), OVERVIEW_INTERVAL)
    void this.#look()
  }

  get hasDemo(): boolean {
    return this.#demo !== undefined
  }
  /** Trace of the latest session; undefined before the first. */
  get trace(): Trace | undefined {
    return this.#client?.trace
  }

  /** Joins under a name with credentials of the demo. Browsers play sound only after a click, so call it from a click handler. */
  async join(name: string): Promise<void> {
    if (this.#demo === undefined || this.store.value.phase !== 'idle') return
    this.#name = name
    this.store.change({ phase: 'joining', problem: undefined })
    try {
      const supportsDave = (await this.#openingDave).worker !== undefined
      await this.#enter(await this.#demo.join(name, supportsDave))
    } catch (error) {
      this.#leaveWith(problemOfDemo(error))
    }
  }

  /** Joins with credentials of a backend. */
  async joinWith(credentials: Credentials): Promise<void> {
    if (this.store.value.phase !== 'idle') return
    this.#name = credentials.user_id
    this.store.change({ phase: 'joining', problem: undefined })
    await this.#enter(credentials)
  }

  /** Leaves the channel, and returns to the join form. */
  leave(): void {
    const { userId } = this.store.value
    const client = this.#client
    if (userId !== undefined) void this.#demo?.leave(userId).catch(() => {})
    this.#end(undefined)
    client?.close()
  }

  /** Stops sending the microphone. The node is not notified: it receives no packets. */
  setMuted(isMuted: boolean): void {
    this.store.change({ isMuted })
    if (this.#studio === undefined) return
    this.#studio.isMuted = isMuted
    this.#client?.send(this.#tracks)
  }

  /** Never rejects: a failure is shown as a problem. */
  async setCamera(isOn: boolean): Promise<void> {
    try {
      const track = isOn ? await openCamera() : undefined
      if (this.#studio === undefined) return track?.stop()
      this.#camera?.stop()
      this.#camera = track
    } catch (error) {
      return this.store.change({ problem: problemOfCamera(error instanceof DOMException ? error.name : '') })
    }
    this.#client?.send(this.#tracks)
    this.#showPictures()
  }

  /** If the sound is unavailable, shows a problem and sends speech instead of the microphone. */
  async setSound(sound: SoundKind): Promise<void> {
    this.store.change({ sound, problem: undefined })
    try {
      await this.#studio?.play(sound)
    } catch (error) {
      if (sound !== 'microphone') return this.store.change({ problem: unplayable(error) })
      const problem = problemOfMicrophone(error instanceof DOMException ? error.name : '')
      await this.setSound('speech')
      this.store.change({ problem })
    }
  }

  /** Changes how loud the member is played in this tab. */
  setVolume(userId: string, volume: number): void {
    this.#playback.setVolume(userId, volume)
    this.#showMembers()
  }

  /** As a moderator, through the demo's backend. Failures are shown as problems. */
  serverMute(userId: string, isMuted: boolean): void {
    this.#moderate(demo => demo.mute(userId, isMuted))
  }
  kick(userId: string): void {
    this.#moderate(demo => demo.kick(userId))
  }
  move(userId: string, channelId: string): void {
    this.#moderate(demo => demo.move(userId, channelId))
  }

  /** The user has read the problem. */
  dismiss(): void {
    this.store.change({ problem: undefined })
  }

  /** Runs a request of the demo's API, then updates the overview. */
  #moderate(act: (demo: DemoApi) => Promise<void>): void {
    if (this.#demo === undefined) return
    act(this.#demo)
      .catch(error => this.store.change({ problem: problemOfDemo(error) }))
      .finally(() => void this.#look())
  }

  /** Opens a session with these credentials; after a move with those of the new channel. */
  async #enter(credentials: Credentials): Promise<void> {
    this.#credentials = credentials
    this.#openStudio()
    this.#dave = await this.#openingDave
    if (this.#credentials !== credentials) return
    const { server_id, channel_id, user_id, session_id, token } = credentials
    this.#playback.clear()
    this.#seen.clear()
    this.#encryption = NOT_ENCRYPTED
    this.#meter = new Meter()
    const client: WebVoiceClient = new WebVoiceClient(
      {
        url: new URL('/', location.href.replace(/^http/, 'ws')).href,
        serverId: server_id,
        channelId: channel_id,
        userId: user_id,
        sessionId: session_id,
        token,
        dave: this.#dave.worker,
        isReachable: async () => (await nodeState()) !== 'gone',
      },
      this.#tracks,
      {
        connected: () => this.#connected(),
        interrupted: by => this.#interrupted(by),
        membersChanged: () => this.#showMembers(),
        encryptionChanged: encryption => this.#encryptionChanged(encryption),
        sourceAdded: (source, track) => this.#sourceAdded(source, track),
        sourceRemoved: source => this.#sourceRemoved(source),
        ended: end => void (this.#client === client && this.#ended(end)),
      },
    )
    this.#client = client
    this.store.change({ userId: user_id, channelId: channel_id })
    client.setSpeaking(this.#isSpeaking ? SPEAKING : 0)
    client.connect()
    this.#watch()
    await this.#look()
  }

  /** The call runs: a problem that it has recovered from is no longer shown. */
  #connected(): void {
    const { problem } = this.store.value
    const isOver = problem === CRASHED || problem === AWAY
    this.#wasAway = false
    this.store.change({ phase: 'connected', waitsFor: undefined, problem: isOver ? undefined : problem })
  }

  /** The client reconnects by itself. The page says why. */
  #interrupted(by: Interruption): void {
    const { problem } = this.store.value
    this.#wasAway ||= by.kind === 'away'
    this.store.change({
      phase: 'reconnecting',
      waitsFor: interruptionText(by),
      // CRASHED explains more than the close code that follows it.
      problem: problem === CRASHED ? problem : (problemOfInterruption(by) ?? problem),
    })
  }

  #encryptionChanged(encryption: CallEncryption): void {
    this.#encryption = encryption
    this.#showMembers()
  }

  /** What is sent now; null where the user is muted or has no camera. */
  get #tracks(): SentTracks {
    const isMuted = this.store.value.isMuted
    return { microphone: isMuted ? null : (this.#studio?.track ?? null), camera: this.#camera ?? null }
  }

  /** Audio is played at once, video is shown. */
  #sourceAdded({ kind, ssrc, userId }: RemoteSource, track: MediaStreamTrack): void {
    if (kind === 'audio') return this.#playback.add(ssrc, userId, track)
    this.#seen.set(ssrc, { userId, track })
    this.#showPictures()
  }

  #sourceRemoved({ kind, ssrc }: RemoteSource): void {
    if (kind === 'audio') return this.#playback.remove(ssrc)
    this.#seen.delete(ssrc)
    this.#showPictures()
  }

  /** The user's own camera comes first. */
  #showPictures(): void {
    const mine = this.#camera && { userId: this.store.value.userId ?? '', track: this.#camera }
    this.store.change({
      pictures: [...(mine === undefined ? [] : [mine]), ...this.#seen.values()],
      hasCamera: mine !== undefined,
    })
  }

  /** Once per call: a move keeps the sound. */
  #openStudio(): void {
    if (this.#studio !== undefined) return
    this.#studio = new Studio(isSpeaking => {
      this.#isSpeaking = isSpeaking
      this.#client?.setSpeaking(isSpeaking ? SPEAKING : 0)
      this.#showMembers()
    })
    this.#studio.isMuted = this.store.value.isMuted
    void this.setSound(this.store.value.sound)
  }

  /** Joins the new channel after a move; otherwise leaves. A demo that stops with its node has no other channel. */
  async #ended(end: CallEnd): Promise<void> {
    const wasSentAway = end.kind === 'closed' && end.code === VoiceClose.Disconnected && !isShutdown(end)
    if (wasSentAway && this.#demo !== undefined && this.#credentials !== undefined) {
      try {
        const moved = await this.#demo.rejoin(this.#credentials.user_id)
        if (moved !== undefined) return await this.#enter(moved)
      } catch (error) {
        return this.#leaveWith(problemOfDemo(error))
      }
    }
    this.#leaveWith(problemOfEnd(end, { node: await nodeState(), wasAway: this.#wasAway }))
  }

  /** The call ended, and the user did not leave it. */
  #leaveWith(problem: Problem | undefined): void {
    const userId = this.#credentials?.user_id
    if (userId !== undefined) void this.#demo?.leave(userId).catch(() => {})
    this.#end(problem)
  }

  /** Frees everything of the call. Sound, mute and measurements stay visible. */
  #end(problem: Problem | undefined): void {
    window.clearInterval(this.#timer)
    this.#timer = undefined
    this.#studio?.close()
    this.#studio = undefined
    this.#camera?.stop()
    this.#camera = undefined
    this.#seen.clear()
    this.#credentials = undefined
    this.#isSpeaking = false
    this.#playback.clear()
    this.#wasAway = false
    const { sound, isMuted, measurements, overview } = this.store.value
    this.store.change({ ...NO_CALL, sound, isMuted, measurements, overview, problem })
  }

  /** Measures once a second, until the call ends. */
  #watch(): void {
    if (this.#timer !== undefined) return
    this.store.change({ measurements: [] })
    this.#timer = window.setInterval(() => void this.#measure(), MEASURE_INTERVAL)
  }

  /** One reading. A client that was replaced while it was read is ignored. */
  async #measure(): Promise<void> {
    const client = this.#client
    if (client === undefined) return
    const meter = this.#meter
    const frames = await client.daveReport()
    const reading = readingOf(await client.stats(), Date.now())
    if (this.#client !== client || this.store.value.phase === 'idle') return
    meter.add(reading)
    this.store.change({
      measurements: meter.measurements,
      transport: reading.transport,
      frames,
      nodeAddress: client.nodeAddress,
      gatewayPing: client.gatewayPing,
    })
  }

  /** Fetches names and mutes from the demo's backend. A failed request changes nothing. */
  async #look(): Promise<void> {
    const overview = await this.#demo?.overview().catch(() => undefined)
    if (overview === undefined) return
    this.store.change({ overview })
    this.#showMembers()
  }

  /** Combines the session's members with the demo's names and mutes. */
  #showMembers(): void {
    const { phase, userId, channelId, overview } = this.store.value
    if (phase === 'idle') return
    const { channels, users } = overview
    const others = Array.from(this.#client?.members ?? [], member => ({ ...member, isMe: false }))
    const me = { userId: userId ?? '', speaking: this.#isSpeaking ? SPEAKING : 0, isMe: true }
    const members = [me, ...others].map(({ userId: id, speaking, isMe }): MemberView => {
      const user = users.find(user => user.id === id)
      return {
        userId: id,
        name: user?.name ?? (isMe ? this.#name : `User ${id.slice(-4)}`),
        isMe,
        isBot: user?.isBot ?? false,
        isSpeaking: speaking !== 0 && user?.isMuted !== true,
        isMuted: user?.isMuted ?? false,
        volume: this.#playback.volumeOf(id),
        supportsDave: isMe ? this.#dave?.worker !== undefined : user?.supportsDave,
        isInGroup: this.#encryption.userIds.includes(id),
      }
    })
    const elsewhere = users.flatMap((user): AbsentView[] => {
      const channelName = channels.find(({ id }) => id === user.channelId)?.name ?? user.channelId
      return user.channelId === channelId ? [] : [{ userId: user.id, name: user.name, channelName }]
    })
    const obstacle = this.#dave?.worker === undefined ? this.#dave?.reason : undefined
    this.store.change({ members, elsewhere, encryption: encryptionText(this.#encryption, members, obstacle) })
  }
}
