// What one hears: one audio element per member, each with a volume of its own.

export class Playback {
  readonly #elements = new Map<number, { userId: string; element: HTMLAudioElement }>()
  /** By user, so that it stays when somebody leaves and comes back. 0 to 1. */
  readonly #volumes = new Map<string, number>()

  add(ssrc: number, userId: string, track: MediaStreamTrack): void {
    const element = new Audio()
    element.srcObject = new MediaStream([track])
    element.volume = this.volumeOf(userId)
    this.#elements.set(ssrc, { userId, element })
    // Whoever has clicked to join may hear; a page that was reloaded has not, and has to.
    element.play().catch(() => {})
  }

  remove(ssrc: number): void {
    const { element } = this.#elements.get(ssrc) ?? {}
    if (element !== undefined) element.srcObject = null
    this.#elements.delete(ssrc)
  }

  clear(): void {
    for (const ssrc of [...this.#elements.keys()]) this.remove(ssrc)
  }

  volumeOf(userId: string): number {
    return this.#volumes.get(userId) ?? 1
  }

  setVolume(userId: string, volume: number): void {
    this.#volumes.set(userId, volume)
    for (const entry of this.#elements.values()) if (entry.userId === userId) entry.element.volume = volume
  }
}
