// Applies the faults of messages to one relayed voice connection, in the order of the table.
import type { MessageRule } from '../faults/fault-row.ts'
import { type FaultName, MESSAGE_RULES } from '../faults/fault-table.ts'
import type { UserFaults } from '../faults/user-faults.ts'
import type { LinkMessage } from './link-message.ts'
import { acknowledged, changed } from './message-changes.ts'

/** What becomes of a message. */
export interface Passage {
  message: LinkMessage
  /** 0: it is lost. 2: it is sent twice. */
  copies: number
  delay: number
  /** Faults that acted on it. */
  by: FaultName[]
}

export function passageOf(message: LinkMessage, from: 'node' | 'client', faults: UserFaults | undefined): Passage {
  const passage: Passage = { message, copies: 1, delay: 0, by: [] }
  if (faults === undefined || faults.isEmpty) return passage
  for (const rule of MESSAGE_RULES) {
    if (passage.copies === 0) break
    if (applies(rule, message, from)) apply(rule, passage, faults)
  }
  if (from === 'client' && faults.value('sequence-wrap') !== undefined) passage.message = acknowledged(passage.message)
  return passage
}

const applies = (rule: MessageRule, message: LinkMessage, from: 'node' | 'client') =>
  rule.from === from && (rule.ops === undefined || rule.ops.includes(message.op))

function apply(rule: (typeof MESSAGE_RULES)[number], passage: Passage, faults: UserFaults): void {
  const value = faults.value(rule.name)
  if (value === undefined) return
  passage.by.push(rule.name)
  switch (rule.effect) {
    case 'lose':
      faults.take(rule.name)
      passage.copies = 0
      return
    case 'twice':
      passage.copies = 2
      return
    case 'late':
      passage.delay = Math.max(passage.delay, value)
      return
    case 'change':
      passage.message = changed(passage.message, rule.name, value)
      return
  }
}
