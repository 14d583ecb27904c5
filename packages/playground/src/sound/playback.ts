// Plays the other members: one audio element per source, with a volume per user.

/** Elements exist while their source does. */
export class Playback {
  readonly #elements = new Map<number, { userId: string; element: HTMLAudioElement }>()
  /** Volume by user, 0 to 1. It is kept when a user leaves and joins again. */
  readonly #volumes = new Map<string, number>()

  /** Plays a source at the user's volume. */
  add(ssrc: number, userId: string, track: MediaStreamTrack): void {
    const element = new Audio()
    element.srcObject = new MediaStream([track])
    element.volume = this.volumeOf(userId)
    this.#elements.set(ssrc, { userId, element })
    // Browsers refuse to play before the user has clicked on the page.
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

  /** 0 to 1; 1 unless it was set. */
  volumeOf(userId: string): number {
    return this.#volumes.get(userId) ?? 1
  }

  setVolume(userId: string, volume: number): void {
    this.#volumes.set(userId, volume)
    for (const entry of this.#elements.values()) if (entry.userId === userId) entry.element.volume = volume
  }
}
