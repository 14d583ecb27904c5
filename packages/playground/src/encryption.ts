// Describes whether a call is encrypted end to end, and which clients prevent it.

/** A member as far as its client's support of DAVE matters. */
export interface Participant {
  readonly name: string
  readonly isMe: boolean
  /** Undefined if it is not known. */
  readonly supportsDave: boolean | undefined
}

/** `privacyCode` is undefined while the call is not encrypted or has no code to compare. */
export function encryptionText(privacyCode: string | undefined, participants: readonly Participant[]): string {
  if (privacyCode !== undefined) return `Encrypted end to end, privacy code ${grouped(privacyCode)}`
  const without = participants.filter(({ supportsDave }) => supportsDave === false)
  const [first, ...others] = without
  if (first === undefined) return 'Not encrypted end to end'
  const names = LIST.format(without.map(({ name, isMe }) => (isMe ? 'you' : name)))
  if (others.length === 0)
    return `Not encrypted end to end: ${first.isMe ? 'this page does' : `${names} does`} not support DAVE`
  return `Not encrypted end to end: ${names} do not support DAVE`
}

const LIST = new Intl.ListFormat('en')

/** The code in groups of five, as clients show it. */
const grouped = (code: string): string => (code.match(/.{1,5}/g) ?? []).join(' ')
