// The user's call: joins, sends, plays, and joins again after a move. Its store holds everything that the page shows.
// It joins the client (`WebVoiceClient`), what is sent (`OwnMedia`), what is shown and played (`Viewing`) and the demo's API to one
// `CallView`.

import { VoiceClose } from '@parley/protocol'
import { type DeviceKind, Devices } from '../devices/devices.ts'
import { type CallEncryption, encryptionText, lockOf, NOT_ENCRYPTED } from '../encryption/encryption.ts'
import { Verifications } from '../encryption/verification.ts'
import { CallMeasure } from '../measure/call-measure.ts'
import { Playback } from '../sound/playback.ts'
import type { SoundKind } from '../sound/sound-source.ts'
import { Store } from '../store.ts'
import { openDave, type PageDave } from '../voice/dave.ts'
import type { Trace } from '../voice/trace.ts'
import { type CallEnd, type Interruption, WebVoiceClient } from '../voice/web-voice-client.ts'
import { type CallView, NO_CALL } from './call-view.ts'
import type { Credentials, DemoApi } from './demo-api.ts'
import { DemoWatch, type Seen } from './demo-watch.ts'
import { absentViews, memberViews } from './member-views.ts'
import { nodeState } from './node-state.ts'
import { OwnMedia } from './own-media.ts'
import {
  AWAY,
  CRASHED,
  interruptionText,
  isShutdown,
  type Problem,
  problemOfDemo,
  problemOfEnd,
  problemOfInterruption,
  SPEAKER_GONE,
} from './problem.ts'
import { Viewing } from './viewing.ts'
import type { Quality } from './wants.ts'

const SPEAKING = 1

/** One per page. Components call its methods and render `store.value`; they hold no state of the call themselves. */
export class Call {
  readonly store = new Store<CallView>(NO_CALL)
  readonly devices = new Devices()
  readonly verifications = new Verifications()
  readonly #demo: DemoApi | undefined
  readonly #watch: DemoWatch | undefined
  readonly #playback = new Playback()
  readonly #own = new OwnMedia(this.devices, {
    spoke: isSpeaking => this.#spoke(isSpeaking),
    picturesChanged: () => this.#sendAll(),
    deviceEnded: problem => this.#opened(problem),
  })
  readonly #viewing = new Viewing(this.#playback, {
    picturesChanged: () => this.#showPictures(),
    sendWants: wants => this.#client?.setWants(wants) ?? false,
  })
  #client: WebVoiceClient | undefined
  #credentials: Credentials | undefined
  /** Counts calls that have ended: what was begun in one of them has no effect on the next. */
  #visit = 0
  /** Opened with the page, so that joining does not wait for it. */
  readonly #openingDave = openDave()
  #dave: PageDave | undefined
  #encryption = NOT_ENCRYPTED
  #isSpeaking = false
  #name = ''
  /** Whether the user was muted before deafening. */
  #wasMuted = false
  /** Whether the gateway connection was lost since media last flowed. */
  #wasAway = false
  readonly #measure = new CallMeasure(reading => this.store.change(reading))

  /** Without a demo, users join with credentials of their own backend. */
  constructor(demo: DemoApi | undefined) {
    this.#demo = demo
    this.store.change({ qualities: this.#viewing.qualities })
    this.devices.store.subscribe(() => this.#useSpeaker())
    this.#useSpeaker()
    const visibilityChanged = () => {
      this.#viewing.isHidden = document.visibilityState === 'hidden'
    }
    document.addEventListener('visibilitychange', visibilityChanged)
    visibilityChanged()
    const viewer = () => (this.store.value.showsLayers ? this.store.value.userId : undefined)
    this.#watch = demo && new DemoWatch(demo, viewer, seen => this.#seen(seen))
  }

  get hasDemo(): boolean {
    return this.#demo !== undefined
  }
  /** Trace of the latest session; undefined before the first. */
  get trace(): Trace | undefined {
    return this.#client?.trace
  }
  /** Loudness of what the user sends, 0 to 1. */
  get level(): number {
    return this.#own.level
  }

  /** Joins under a name with credentials of the demo. Browsers play sound only after a click, so call it from a click handler. */
  async join(name: string): Promise<void> {
    if (this.#demo === undefined || this.store.value.phase !== 'idle') return
    const visit = this.#visit
    this.#name = name
    this.store.change({ phase: 'joining', problem: undefined })
    try {
      const supportsDave = (await this.#openingDave).worker !== undefined
      const credentials = await this.#demo.join(name, supportsDave)
      if (visit === this.#visit) await this.#enter(credentials)
      else this.#depart(credentials)
    } catch (error) {
      this.#leaveWith(problemOfDemo(error), visit)
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
    const client = this.#client
    this.#leaveWith(undefined)
    client?.close()
  }

  /** Opens the sound before a call, so that its level can be seen. Call it from a click handler. */
  checkSound(): void {
    void this.#openSound()
  }

  /** Stops sending the microphone. The node is not notified: it receives no packets. Unmuting ends deafening too. */
  setMuted(isMuted: boolean): void {
    if (!isMuted && this.store.value.isDeafened) this.#deafen(false)
    this.store.change({ isMuted })
    this.#own.isMuted = isMuted
    this.#client?.send(this.#own.tracks)
  }

  /** A deafened user receives and sends no sound. */
  setDeafened(isDeafened: boolean): void {
    if (isDeafened) this.#wasMuted = this.store.value.isMuted
    this.#deafen(isDeafened)
    this.setMuted(isDeafened || this.#wasMuted)
  }

  #deafen(isDeafened: boolean): void {
    this.store.change({ isDeafened })
    this.#viewing.isDeafened = isDeafened
  }

  /** Failures of these methods are shown as problems. */
  setCamera(isOn: boolean): void {
    void this.#own.setCamera(isOn).then(problem => this.#show(problem))
  }
  setScreen(isOn: boolean): void {
    void this.#own.setScreen(isOn).then(problem => this.#show(problem))
  }
  async setSound(sound: SoundKind): Promise<void> {
    this.store.change({ sound, problem: undefined })
    this.#opened(await this.#own.setSound(sound))
  }

  /** Uses another device from now on; `''` is the default one. */
  chooseDevice(kind: DeviceKind, id: string): void {
    this.devices.choose(kind, id)
    if (kind !== 'speaker') void this.#own.deviceChosen(kind).then(problem => this.#opened(problem))
  }

  /** Changes how loud the member is played in this tab, from 0 to 2. */
  setVolume(userId: string, volume: number): void {
    this.#viewing.setVolume(userId, volume)
    this.#showMembers()
  }

  /** Shows a picture large, or none. */
  pin(key: string | undefined): void {
    this.store.change({ pinned: key })
  }

  setQuality(key: string, quality: Quality): void {
    this.#viewing.setQuality(key, quality)
    this.store.change({ qualities: this.#viewing.qualities })
  }

  /** The picture is shown with this many pixels of the display; undefined: no longer. */
  setPixels(key: string, pixels: number | undefined): void {
    this.#viewing.setPixels(key, pixels)
  }

  /** Whether layers and bit rates are shown over the pictures. */
  showLayers(showsLayers: boolean): void {
    this.store.change({ showsLayers })
    void this.#watch?.look()
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

  #show(problem: Problem | undefined): void {
    if (problem !== undefined) this.store.change({ problem })
  }

  /** What is sent has changed, or could not be opened. */
  #opened(problem: Problem | undefined): void {
    this.store.change({ sound: this.#own.sound })
    this.#show(problem)
  }

  /** The default speaker stands in for a chosen one that is gone, until it returns. */
  #useSpeaker(): void {
    this.#playback.setSpeaker(this.devices.chosen('speaker') ?? '').catch(() => this.#show(SPEAKER_GONE))
  }

  /** Runs a request of the demo's API, then updates the overview. */
  #moderate(act: (demo: DemoApi) => Promise<void>): void {
    if (this.#demo === undefined) return
    act(this.#demo)
      .catch(error => this.store.change({ problem: problemOfDemo(error) }))
      .finally(() => void this.#watch?.look())
  }

  /** Opens a session with these credentials; after a move with those of the new channel. */
  async #enter(credentials: Credentials): Promise<void> {
    this.#credentials = credentials
    void this.#openSound()
    this.#dave = await this.#openingDave
    if (this.#credentials !== credentials) return
    const visit = this.#visit
    const { server_id, channel_id, user_id, session_id, token } = credentials
    this.#viewing.clear()
    this.#encryption = NOT_ENCRYPTED
    const { worker } = this.#dave
    this.verifications.open(worker && (userId => worker.verificationCode(userId)))
    const client: WebVoiceClient = new WebVoiceClient(
      {
        url: new URL('/', location.href.replace(/^http/, 'ws')).href,
        serverId: server_id,
        channelId: channel_id,
        userId: user_id,
        sessionId: session_id,
        token,
        dave: worker,
        isReachable: async () => (await nodeState()) !== 'gone',
      },
      this.#own.tracks,
      {
        connected: () => this.#connected(),
        interrupted: by => this.#interrupted(by),
        membersChanged: () => this.#showMembers(),
        encryptionChanged: encryption => this.#encryptionChanged(encryption),
        sourceAdded: (source, track) => this.#viewing.add(source, track),
        sourceRemoved: source => this.#viewing.remove(source),
        ended: end => void (visit === this.#visit && this.#client === client && this.#ended(end)),
      },
    )
    this.#client = client
    this.store.change({ userId: user_id, channelId: channel_id })
    client.setSpeaking(this.#isSpeaking ? SPEAKING : 0)
    client.connect()
    this.#measure.watch(client)
    await this.#watch?.look()
  }

  /** The call runs: a problem that it has recovered from is no longer shown. */
  #connected(): void {
    const { problem } = this.store.value
    const isOver = problem === CRASHED || problem === AWAY
    this.#wasAway = false
    this.#viewing.reconnected()
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
    this.verifications.groupChanged(encryption)
    this.#showMembers()
  }

  #sendAll(): void {
    this.#client?.send(this.#own.tracks)
    this.#showPictures()
  }

  #showPictures(): void {
    const { camera, screen } = this.#own
    const pictures = [...this.#own.picturesOf(this.store.value.userId ?? ''), ...this.#viewing.pictures]
    this.store.change({ pictures, hasCamera: camera !== undefined, hasScreen: screen !== undefined })
  }

  /** Once per call: a move keeps the sound. */
  async #openSound(): Promise<void> {
    const opening = this.#own.open()
    this.store.change({ hasSound: true })
    this.#opened(await opening)
  }

  #spoke(isSpeaking: boolean): void {
    this.#isSpeaking = isSpeaking
    this.#client?.setSpeaking(isSpeaking ? SPEAKING : 0)
    this.#showMembers()
  }

  /** Joins the new channel after a move; otherwise leaves. A demo that stops with its node has no other channel. */
  async #ended(end: CallEnd): Promise<void> {
    const visit = this.#visit
    const wasSentAway = end.kind === 'closed' && end.code === VoiceClose.Disconnected && !isShutdown(end)
    if (wasSentAway && this.#demo !== undefined && this.#credentials !== undefined) {
      try {
        const moved = await this.#demo.rejoin(this.#credentials.user_id)
        if (visit !== this.#visit) return this.#depart(moved)
        if (moved !== undefined) return await this.#enter(moved)
      } catch (error) {
        return this.#leaveWith(problemOfDemo(error), visit)
      }
    }
    this.#leaveWith(problemOfEnd(end, { node: await nodeState(), wasAway: this.#wasAway }), visit)
  }

  /** Ends the call, unless it has ended since `visit` was read. */
  #leaveWith(problem: Problem | undefined, visit = this.#visit): void {
    if (visit !== this.#visit) return
    this.#depart(this.#credentials)
    this.#end(problem)
  }

  /** The demo keeps the user no longer. */
  #depart(credentials: Credentials | undefined): void {
    if (credentials !== undefined) void this.#demo?.leave(credentials.user_id).catch(() => {})
  }

  /** Frees everything of the call. Sound, mute and measurements stay visible. */
  #end(problem: Problem | undefined): void {
    this.#measure.stop()
    this.#own.close()
    this.#viewing.clear()
    this.verifications.open(undefined)
    this.#credentials = undefined
    this.#visit++
    this.#isSpeaking = false
    this.#wasAway = false
    const { sound, isMuted, isDeafened, qualities, showsLayers, measurements, overview } = this.store.value
    const kept = { sound, isMuted, isDeafened, qualities, showsLayers, measurements, overview }
    this.store.change({ ...NO_CALL, ...kept, problem })
  }

  #seen(seen: Seen): void {
    this.store.change(seen)
    this.#showMembers()
  }

  /** Combines the session's members with the demo's names and mutes. */
  #showMembers(): void {
    const { phase, userId = '', channelId, overview } = this.store.value
    if (phase === 'idle') return
    const dave = this.#dave
    const members = memberViews({
      others: Array.from(this.#client?.members ?? []),
      me: { userId, name: this.#name, isSpeaking: this.#isSpeaking, hasDave: dave?.worker !== undefined },
      overview,
      inGroup: this.#encryption.userIds,
      volumeOf: id => this.#playback.volumeOf(id),
    })
    const obstacle = dave?.worker === undefined ? dave?.reason : undefined
    this.store.change({
      members,
      elsewhere: absentViews(overview, channelId),
      encryption: encryptionText(this.#encryption, members, obstacle),
      lock: lockOf(this.#encryption),
    })
  }
}
