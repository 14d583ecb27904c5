// Verification of one member: its mark, and the dialog in which the user compares the code of the two.
import { useState } from 'preact/hooks'
import type { Call } from '../../call/call.ts'
import type { MemberView } from '../../call/call-view.ts'
import { grouped } from '../../encryption/encryption.ts'
import type { Verification } from '../../encryption/verification.ts'
import { useStore } from '../../store.ts'
import { Dialog } from '../dialog.tsx'

interface VerifyProps {
  readonly call: Call
  readonly member: MemberView
}

const useVerification = ({ call, member }: VerifyProps): Verification | undefined =>
  useStore(call.verifications.store).states.get(member.userId)

/** Beside the name: whether the member has the keys, and whether the user has verified them. */
export function KeyTag({ call, member }: VerifyProps) {
  const kind = useVerification({ call, member })?.kind
  if (!member.isInGroup) return null
  if (kind === 'verified')
    return (
      <em class="tag keys" title="Has the keys of this encrypted call, and you have verified that they are its own">
        verified
      </em>
    )
  return (
    <em class="tag keys" title="Has the keys of this encrypted call">
      keys
    </em>
  )
}

/** Opens the dialog, and computes the code unless it is known. Bots show no code that could be compared. */
export function VerifyButton({ call, member }: VerifyProps) {
  const [isOpen, setOpen] = useState(false)
  const state = useVerification({ call, member })
  const { userId, name, isMe, isBot, isInGroup } = member
  if (isMe || isBot || !isInGroup) return null
  const open = () => {
    setOpen(true)
    if (state === undefined || state.kind === 'outdated' || state.kind === 'failed')
      void call.verifications.check(userId)
  }
  return (
    <>
      <button
        type="button"
        class="verify"
        aria-label={`Verify ${name}`}
        title={`Compare a code with ${name}`}
        onClick={open}
      >
        {state?.kind === 'outdated' ? 'Verify again' : 'Verify'}
      </button>
      {isOpen && (
        <Dialog title={`Verify ${name}`} onClose={() => setOpen(false)}>
          <Code call={call} member={member} state={state} />
        </Dialog>
      )}
    </>
  )
}

function Code({ call, member, state }: VerifyProps & { state: Verification | undefined }) {
  const { userId, name } = member
  const { verifications } = call
  switch (state?.kind) {
    case 'computing':
      return <p role="status">Computing the code. You may hear nothing for a moment.</p>
    case 'code':
      return (
        <>
          <p>
            {name} sees a code too, under “Verify” of your name. Compare them outside of this call. If they are the
            same, no other member and no server can decrypt or change what you two send.
          </p>
          <p class="code">{grouped(state.code)}</p>
          <div class="choices">
            <button type="button" class="primary" onClick={() => verifications.confirm(userId)}>
              They are the same
            </button>
          </div>
        </>
      )
    case 'verified':
      return (
        <>
          <p>You have verified {name}. This applies to this call. When members join or leave, check it again.</p>
          <p class="code">{grouped(state.code)}</p>
          <div class="choices">
            <button type="button" onClick={() => verifications.forget(userId)}>
              Forget it
            </button>
          </div>
        </>
      )
    case 'failed':
    case 'outdated':
    case undefined:
      return (
        <>
          <p>
            {state === undefined
              ? 'This member is not verified.'
              : 'There is no code at the moment: the keys of the call have changed.'}
          </p>
          <div class="choices">
            <button type="button" class="primary" onClick={() => void verifications.check(userId)}>
              Compute the code
            </button>
          </div>
        </>
      )
  }
}
