// Which members the user has verified: two users compare the code of their keys outside of the call.
import { Store } from '../store.ts'
import type { CallEncryption } from './encryption.ts'

/**
 * How far one member is verified. `outdated`: the user has verified it, and the group has changed since, with it perhaps the keys of
 * the member; another check finds out. A member without a state has not been checked.
 */
export type Verification =
  | { readonly kind: 'computing' | 'failed' | 'outdated' }
  | { readonly kind: 'code' | 'verified'; readonly code: string }

export interface VerificationsView {
  /** By user id. */
  readonly states: ReadonlyMap<string, Verification>
}

/** Computes the code of the user and a member; undefined if there is none. It takes a second or two, in which no sound is received. */
export type ComputeCode = (userId: string) => Promise<string | undefined>

/**
 * Codes are computed when the user asks for one, one at a time. A verification lasts as long as the keys: for the call, as each
 * session creates its own.
 */
export class Verifications {
  readonly store = new Store<VerificationsView>({ states: new Map() })
  #compute: ComputeCode | undefined
  /** Codes that the user has confirmed, by user id. */
  readonly #confirmed = new Map<string, string>()
  #group: string | undefined

  /** Another session, whose keys are new. Undefined: none, or one that does not encrypt. */
  open(compute: ComputeCode | undefined): void {
    this.#compute = compute
    this.#confirmed.clear()
    this.#group = undefined
    this.store.change({ states: new Map() })
  }

  /** What was known of the members' keys may no longer apply. */
  groupChanged({ privacyCode, userIds }: CallEncryption): void {
    if (privacyCode === this.#group) return
    this.#group = privacyCode
    const known = privacyCode === undefined ? [] : userIds.filter(userId => this.#confirmed.has(userId))
    this.store.change({ states: new Map(known.map(userId => [userId, { kind: 'outdated' }])) })
  }

  /** Computes the code. A member whose code was confirmed before is verified again without the user. Ignored while another is computed. */
  async check(userId: string): Promise<void> {
    const compute = this.#compute
    if (this.#isComputing || compute === undefined || this.#group === undefined) return
    const group = this.#group
    this.#set(userId, { kind: 'computing' })
    const code = await compute(userId).catch(() => undefined)
    if (this.#compute !== compute || this.#group !== group) return
    if (code === undefined) return this.#set(userId, { kind: 'failed' })
    this.#set(userId, { kind: this.#confirmed.get(userId) === code ? 'verified' : 'code', code })
  }

  /** The user has compared the code that is shown. */
  confirm(userId: string): void {
    const state = this.store.value.states.get(userId)
    if (state?.kind !== 'code') return
    this.#confirmed.set(userId, state.code)
    this.#set(userId, { kind: 'verified', code: state.code })
  }

  forget(userId: string): void {
    this.#confirmed.delete(userId)
    this.#set(userId, undefined)
  }

  get #isComputing(): boolean {
    return [...this.store.value.states.values()].some(({ kind }) => kind === 'computing')
  }

  #set(userId: string, state: Verification | undefined): void {
    const states = new Map(this.store.value.states)
    if (state === undefined) states.delete(userId)
    else states.set(userId, state)
    this.store.change({ states })
  }
}
