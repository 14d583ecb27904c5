// A dialog over the page, with its title and a button that closes it.
import type { ComponentChildren } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

/** It is open while it is rendered. A click beside it closes it too, in browsers that know `closedby`. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren }) {
  const { title, onClose, children } = props
  const element = useRef<HTMLDialogElement>(null)
  useEffect(() => element.current?.showModal(), [])
  return (
    <dialog ref={element} class="card" aria-label={title} onClose={onClose} {...{ closedby: 'any' }}>
      <div class="dialog-head">
        <h2>{title}</h2>
        <button type="button" onClick={() => element.current?.close()}>
          Done
        </button>
      </div>
      {children}
    </dialog>
  )
}
