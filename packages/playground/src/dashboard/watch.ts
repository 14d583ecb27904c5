// Watches a node: takes a sample every two seconds, as long as the token is accepted.
import { Store } from '../store.ts'
import { AdminApi, AdminError } from './admin-api.ts'
import { type Rates, type Sample, takeSample, totalRates } from './sample.ts'

const INTERVAL = 2_000
/** Samples of the charts: four minutes. */
const HISTORY = 120

/** Everything that the page shows. */
export interface WatchView {
  /** `door` asks for the token. */
  readonly phase: 'door' | 'opening' | 'watching'
  /** Why the node cannot be read at present. */
  readonly problem: string | undefined
  readonly now: Sample | undefined
  readonly before: Sample | undefined
  /** Seconds since the page was opened, and the totals then. */
  readonly history: readonly { readonly at: number; readonly rates: Rates; readonly sessions: number }[]
}

export class Watch {
  readonly store = new Store<WatchView>({
    phase: 'door',
    problem: undefined,
    now: undefined,
    before: undefined,
    history: [],
  })
  #api: AdminApi | undefined
  #timer: ReturnType<typeof setTimeout> | undefined

  /** The token stays in the memory of the page. */
  async open(token: string): Promise<void> {
    this.store.change({ phase: 'opening', problem: undefined })
    this.#api = new AdminApi(token)
    await this.#look()
  }

  /** Forgets the token. */
  close(): void {
    clearTimeout(this.#timer)
    this.#api = undefined
    this.store.change({ phase: 'door', problem: undefined, now: undefined, before: undefined, history: [] })
  }

  /** One sample at a time: the next one follows when this one has arrived or failed. */
  async #look(): Promise<void> {
    const api = this.#api
    if (api === undefined) return
    try {
      const sample = await takeSample(api, () => performance.now())
      if (this.#api === api) this.#show(sample)
    } catch (error) {
      if (this.#api === api) this.#failed(error)
    }
    if (this.#api === api) this.#timer = setTimeout(() => void this.#look(), INTERVAL)
  }

  #show(now: Sample): void {
    const { now: before, history } = this.store.value
    const point = { at: now.at / 1_000, rates: totalRates(now, before), sessions: now.status.sessions }
    this.store.change({
      phase: 'watching',
      problem: undefined,
      now,
      before,
      // The first sample has no rates.
      history: before === undefined ? [] : [...history, point].slice(-HISTORY),
    })
  }

  /** What was read last stays visible, unless the token is no longer accepted. */
  #failed(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error)
    const { phase } = this.store.value
    if (phase === 'watching' && !(error instanceof AdminError && error.isRefused)) this.store.change({ problem })
    else {
      this.close()
      this.store.change({ problem })
    }
  }
}
