// The pictures of all cameras, including the user's.
import { useEffect, useRef } from 'preact/hooks'
import type { CallView, PictureView } from '../call-view.ts'

export function Pictures({ view }: { view: CallView }) {
  if (view.pictures.length === 0) return null
  return (
    <section class="pictures" aria-label="Cameras">
      {view.pictures.map(picture => (
        <Picture key={picture.track.id} picture={picture} view={view} />
      ))}
    </section>
  )
}

function Picture({ picture: { userId, track }, view }: { picture: PictureView; view: CallView }) {
  const element = useRef<HTMLVideoElement>(null)
  useEffect(() => {
    if (element.current !== null) element.current.srcObject = new MediaStream([track])
  }, [track])
  const name = view.members.find(member => member.userId === userId)?.name ?? ''
  const isMine = userId === view.userId
  return (
    <figure class={isMine ? 'mine' : ''}>
      <video ref={element} autoplay playsInline muted aria-label={`Camera of ${name}`} />
      <figcaption>{isMine ? 'You' : name}</figcaption>
    </figure>
  )
}
