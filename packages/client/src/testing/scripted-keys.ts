// DAVE keys for tests, without a group: they accept each message of the protocol, seal nothing and open nothing.
import type { DaveKeys } from '../voice/dave/dave.ts'

export class ScriptedKeys implements DaveKeys {
  isReady = true
  readonly privacyCode = '1'
  readonly userIds: readonly string[] = ['1', '2']

  reset(): Uint8Array {
    return new Uint8Array()
  }
  setExternalSender(): void {}
  answer(): undefined {}
  processCommit(): void {}
  processWelcome(): void {}
  allowClear(): void {}
  seal(frame: Uint8Array): Uint8Array {
    return frame
  }
  open(_userId: string, _frame: Uint8Array): Uint8Array {
    throw new Error('no key')
  }
}
