// The microphones, cameras and speakers of this machine, and which of them the user has chosen.
import { Remembered } from '../memory/remembered.ts'
import { canChooseSpeaker } from '../sound/playback.ts'
import { Store } from '../store.ts'

export type DeviceKind = 'microphone' | 'camera' | 'speaker'

export interface Device {
  readonly id: string
  readonly name: string
}

export interface DevicesView {
  /** Empty until the user has allowed the page to use one: browsers do not name them before. */
  readonly devices: Readonly<Record<DeviceKind, readonly Device[]>>
  /** Ids; undefined for the default device, which also stands in for a chosen one that is gone. */
  readonly chosen: Readonly<Record<DeviceKind, string | undefined>>
  readonly canChooseSpeaker: boolean
}

const KINDS: Readonly<Record<MediaDeviceKind, DeviceKind>> = {
  audioinput: 'microphone',
  videoinput: 'camera',
  audiooutput: 'speaker',
}

/** Characters. Browsers use 64. */
const LONGEST_ID = 256
const isId = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= LONGEST_ID

export class Devices {
  /** The user's choice by kind. It applies again when a device that is gone returns. */
  readonly #remembered = new Remembered('devices', isId)
  readonly store = new Store<DevicesView>({
    devices: { microphone: [], camera: [], speaker: [] },
    chosen: {
      microphone: this.#remembered.get('microphone'),
      camera: this.#remembered.get('camera'),
      speaker: this.#remembered.get('speaker'),
    },
    canChooseSpeaker: canChooseSpeaker(),
  })

  constructor() {
    navigator.mediaDevices?.addEventListener('devicechange', () => void this.refresh())
    void this.refresh()
  }

  /**
   * Reads the devices again, after they changed or the user has allowed the use of one. Before that, browsers name none, and the
   * choice of an earlier visit stands. Never rejects.
   */
  async refresh(): Promise<void> {
    const found = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? []
    const devices: Record<DeviceKind, Device[]> = { microphone: [], camera: [], speaker: [] }
    // Chromium lists the default device twice, the first time under this id.
    for (const { kind, deviceId, label } of found)
      if (deviceId !== '' && deviceId !== 'default')
        devices[KINDS[kind]].push({ id: deviceId, name: label || KINDS[kind] })
    const chosen = (kind: DeviceKind) => {
      const id = this.#remembered.get(kind)
      return devices[kind].length === 0 || devices[kind].some(device => device.id === id) ? id : undefined
    }
    this.store.change({
      devices,
      chosen: { microphone: chosen('microphone'), camera: chosen('camera'), speaker: chosen('speaker') },
    })
  }

  /** `''` is the default device. */
  choose(kind: DeviceKind, id: string): void {
    if (id === '') this.#remembered.delete(kind)
    else this.#remembered.set(kind, id)
    this.store.change({ chosen: { ...this.store.value.chosen, [kind]: id === '' ? undefined : id } })
  }

  chosen(kind: DeviceKind): string | undefined {
    return this.store.value.chosen[kind]
  }
}
