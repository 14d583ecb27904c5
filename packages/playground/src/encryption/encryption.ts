// Describes whether a call is encrypted end to end, and which clients prevent it.

/** The end-to-end encryption of a call. */
export interface CallEncryption {
  /** DAVE version in force; 0 if frames are not encrypted. */
  readonly version: number
  /** Code that the users compare; undefined without a group. */
  readonly privacyCode: string | undefined
  /** Users of the group: those who have the keys. */
  readonly userIds: readonly string[]
}

export const NOT_ENCRYPTED: CallEncryption = { version: 0, privacyCode: undefined, userIds: [] }

/** `opening`: the call is to be encrypted, and has no keys yet. */
export type Lock = 'closed' | 'opening' | 'open'

export function lockOf({ version, privacyCode }: Pick<CallEncryption, 'version' | 'privacyCode'>): Lock {
  if (privacyCode !== undefined) return 'closed'
  return version > 0 ? 'opening' : 'open'
}

/** A member as far as its client's support of DAVE matters. */
export interface Participant {
  readonly name: string
  readonly isMe: boolean
  /** Undefined if it is not known. */
  readonly supportsDave: boolean | undefined
}

/** `obstacle`: why this page cannot encrypt. */
export function encryptionText(
  { version, privacyCode }: Pick<CallEncryption, 'version' | 'privacyCode'>,
  participants: readonly Participant[],
  obstacle?: string,
): string {
  if (privacyCode !== undefined) return `Encrypted end to end, privacy code ${grouped(privacyCode)}`
  if (version > 0)
    return participants.length > 1
      ? 'End-to-end encryption is being set up'
      : 'End-to-end encryption starts with the second member'
  const without = participants.filter(({ supportsDave }) => supportsDave === false)
  const [first, ...others] = without
  if (first === undefined) return 'Not encrypted end to end'
  const names = LIST.format(without.map(({ name, isMe }) => (isMe ? 'you' : name)))
  if (others.length > 0) return `Not encrypted end to end: ${names} do not support DAVE`
  if (!first.isMe) return `Not encrypted end to end: ${names} does not support DAVE`
  return `Not encrypted end to end: ${obstacle ?? 'this page does not support DAVE'}`
}

const LIST = new Intl.ListFormat('en')

/** A code in groups of five, as clients show it. */
export const grouped = (code: string): string => (code.match(/.{1,5}/g) ?? []).join(' ')
