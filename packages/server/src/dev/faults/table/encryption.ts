// Faults of transport encryption modes and of DAVE.
import { VoiceOp } from '@parley/protocol'
import { type FaultRow, late, lose } from '../fault-row.ts'

const mode = (meaning: string, expected: 'stays' | 'any'): FaultRow => ({
  kind: 'lasting',
  message: { from: 'node', ops: [VoiceOp.Ready], effect: 'change' },
  meaning,
  expected,
})
const changed = (meaning: string, ...ops: number[]): FaultRow => ({
  kind: 'lasting',
  message: { from: 'node', ops, effect: 'change' },
  meaning,
  expected: 'recovers',
})

export const ENCRYPTION_FAULTS = {
  'only-gcm': mode('offers aead_aes256_gcm_rtpsize only', 'stays'),
  'only-xchacha': mode('offers aead_xchacha20_poly1305_rtpsize only', 'stays'),
  'only-legacy': mode('offers xsalsa20_poly1305 only, which current clients do not have', 'any'),
  'unknown-mode': mode('offers an unknown mode before the known ones', 'stays'),
  'no-dave': {
    kind: 'lasting',
    message: { from: 'client', ops: [VoiceOp.Identify], effect: 'change' },
    meaning: 'takes the session for one without end-to-end encryption: its channel is not encrypted',
    expected: 'stays',
  },
  'external-sender-lost': lose('node', VoiceOp.DaveExternalSender, 'the external sender (op 25)'),
  'key-package-lost': lose('client', VoiceOp.DaveKeyPackage, 'key packages (op 26) of the client'),
  'proposals-lost': lose('node', VoiceOp.DaveProposals, 'proposals (op 27)'),
  'late-proposals': late([VoiceOp.DaveProposals], 'proposals (op 27), into the next transition', 300),
  'proposals-twice': {
    kind: 'lasting',
    message: { from: 'node', ops: [VoiceOp.DaveProposals], effect: 'twice' },
    meaning: 'sends proposals (op 27) twice',
    expected: 'recovers',
  },
  'commit-lost': lose('node', VoiceOp.DaveAnnounceCommit, 'the commit of a transition (op 29)'),
  'commit-twice': {
    kind: 'lasting',
    message: { from: 'node', ops: [VoiceOp.DaveAnnounceCommit], effect: 'twice' },
    meaning: 'sends the commit of a transition (op 29) twice',
    expected: 'recovers',
  },
  'commit-garbage': changed('alters the commit of a transition (op 29)', VoiceOp.DaveAnnounceCommit),
  'welcome-lost': lose('node', VoiceOp.DaveWelcome, 'the Welcome (op 30)'),
  'welcome-garbage': changed('alters the Welcome (op 30)', VoiceOp.DaveWelcome),
  'late-welcome': late([VoiceOp.DaveWelcome], 'the Welcome (op 30)', 1_000),
  'execute-lost': lose('node', VoiceOp.DaveExecuteTransition, 'Execute Transition (op 22)'),
  'transition-ready-lost': lose(
    'client',
    VoiceOp.DaveTransitionReady,
    'Transition Ready (op 23) of the client',
    'stays',
  ),
  'transition-zero': changed(
    'names transition 0, which takes effect at once, in commits and Welcomes (ops 29 and 30)',
    VoiceOp.DaveAnnounceCommit,
    VoiceOp.DaveWelcome,
  ),
  'epoch-reset': {
    kind: 'once',
    meaning: 'sends Prepare Epoch 1 (op 24): the client creates a new group and sends a new key package',
    expected: 'any',
  },
  downgrade: {
    kind: 'once',
    meaning: 'executes a transition to DAVE version 0 for this client only: it sends unencrypted frames',
    expected: 'any',
  },
} as const satisfies Record<string, FaultRow>
